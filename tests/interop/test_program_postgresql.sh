#!/usr/bin/env bash
# PostgreSQL's server and psql with keys in a token: docs/howto/postgresql.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
token=db
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
bin=
for b in /usr/lib/postgresql/*/bin; do
	[[ ! -x $b/postgres ]] || bin=$b
done
[[ -n $bin ]] || skip "PostgreSQL is not installed: tools/check installs it"
need psql

# The server refuses to be root.
as=()
if [[ $(id -u) == 0 ]]; then
	id postgres >/dev/null 2>&1 || skip "there is no user postgres"
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi

free_port
instead=(/var/lib/postgresql/inro "$T/home" localhost 127.0.0.1 5432 "$port")
run_howto postgresql.md
make_identity alice rsa-2048
make_identity next ec-p256
give_rights postgres
mkdir pg
[[ $(id -u) != 0 ]] || chown postgres pg etc/server.pem
must "${as[@]}" "$bin/initdb" -D "$T/pg/data" -N -A trust -U postgres --no-locale -E UTF8 >/dev/null
howto postgresql.md conf >>pg/data/postgresql.conf
cat >>pg/data/postgresql.conf <<-END
	port = $port
	listen_addresses = '127.0.0.1'
	unix_socket_directories = '$T/pg'
END
{
	echo 'local all all trust'
	howto postgresql.md hba
} >pg/data/pg_hba.conf
howto postgresql.md console >client.sh

start() {
	rm -f server.log
	with_keys background server.log "${as[@]}" "$bin/postgres" -D "$T/pg/data"
	server=$pid
	wait_for 'ready to accept connections' server.log
}
ask() {
	with_keys must bash client.sh
}
admin() {
	must psql -h "$T/pg" -p "$port" -U postgres -qAt -c "$1" postgres
}

# ---- the how-to: both sides with token keys; TLS 1.2 and 1.3; ten at once ----

start
admin 'create role alice login'
[[ $(ask) == */CN=alice* ]] || fail "another client: $(cat out)"
for version in TLSv1.2 TLSv1.3; do
	must env PGSSLMAXPROTOCOLVERSION=$version PGSSLMINPROTOCOLVERSION=$version OPENSSL_CONF="$T/etc/openssl.cnf" \
		OPENSSL_MODULES="$B/lib" bash client.sh >/dev/null
done
clients=()
for i in {1..10}; do
	with_keys bash client.sh >"client.$i" 2>&1 &
	clients+=("$!")
done
for i in {1..10}; do
	wait "${clients[i - 1]}" || fail "client $i: $(cat "client.$i" server.log)"
done

# ---- another key; a reload that fails leaves the old one ----

shows_key "$port" etc/server.crt -starttls postgres
cp etc/next.crt etc/server.crt
cat etc/next.pem >etc/server.pem
reload() {
	must "${as[@]}" "$bin/pg_ctl" -D "$T/pg/data" reload >/dev/null
}
reload
shows_key "$port" etc/next.crt -starttls postgres
ask >/dev/null
mv etc/ca.crt etc/ca.away
reload
wait_for 'SSL configuration was not reloaded' server.log
mv etc/ca.away etc/ca.crt
shows_key "$port" etc/next.crt -starttls postgres

# ---- what goes wrong: at the client ----

says() { # REGEX: of the client
	with_keys fails_with 2 "$1" bash client.sh
}
cat etc/pin >pin
chmod 644 etc/alice.pem
sed -i '/^chmod/d' client.sh
says 'alice.pem" has group or world access'
chmod 600 etc/alice.pem
sed "s,file:.*,file:$T/client.pin," etc/openssl.cnf >client.cnf
sed -i "s,$T/etc/openssl.cnf,$T/client.cnf," client.sh
says 'alice.pem": token, key or PIN file not found: '
echo 000000 >client.pin
says 'alice.pem": wrong PIN'
sed -i '/^pin = /d' client.cnf
sed -i "s, sslkey=, sslpassword=$pin&," client.sh
ask >/dev/null
kill "$server"
wait "$server" || fail "status $? at the end of the server: $(cat server.log)"

# ---- and at the server ----

refuses() {
	with_keys fails_with 1 "FATAL: .*$1" "${as[@]}" "$bin/postgres" -D "$T/pg/data"
}
echo 000000 >etc/pin
refuses 'server.pem": wrong PIN'
cat pin >etc/pin
INRO_HOME=$T/elsewhere refuses 'server.pem": token, key or PIN file not found: '
if [[ $(id -u) == 0 ]]; then
	chmod 600 etc/pin
	chown root etc/pin
	refuses "server.pem\": no permission for the token's folder or the PIN file"
fi
OPENSSL_CONF=/dev/null fails_with 1 'server.pem": unsupported' "${as[@]}" "$bin/postgres" -D "$T/pg/data"
chmod 644 etc/server.pem
refuses 'server.pem" has group or world access'
