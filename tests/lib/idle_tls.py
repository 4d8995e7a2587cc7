"""Many TLS connections that say nothing, and others that vanish.

idle_tls.py PORT COUNT   opens COUNT connections from addresses of the loopback, 900 from each, says "open N", and holds them
                         until its standard input ends; each hundredth has to answer then, and "alive N" is said
idle_tls.py PORT vanish  opens ten whose peer is gone without a word (no FIN, no RST) after a request, ten that never begin TLS and
                         ten that stop in the middle of their first words; says "left"
"""
import resource, socket, ssl, struct, sys

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
TCP_REPAIR = 19
port, what = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def plain(i):
    s = socket.socket()
    s.bind((f"127.0.0.{2 + i // 900}", 0))
    s.settimeout(60)
    s.connect(("127.0.0.1", port))
    return s


def ask(s):
    s.sendall(GET)
    got = s.recv(4096)
    assert got.startswith(b"HTTP/1.1 200"), got
    while b'"status"' not in got:
        got += s.recv(4096)


def vanish():
    kept = []
    for i in range(30):
        s = plain(i)
        if i < 10:
            t = context.wrap_socket(s)
            ask(t)
            # The kernel forgets it without telling the other side.
            t.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            t.close()
            continue
        if i < 20:
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03")
        kept.append(s)
    print("left", flush=True)
    sys.stdin.read()


def idle(n):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    held = [context.wrap_socket(plain(i)) for i in range(n)]
    print("open", len(held), flush=True)
    sys.stdin.read()
    for s in held[::100]:
        ask(s)
    print("alive", len(held[::100]), flush=True)


vanish() if what == "vanish" else idle(int(what))
