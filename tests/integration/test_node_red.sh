#!/usr/bin/env bash
# The Node-RED node against a real agent: loaded as Node-RED loads it, asked as a flow asks it.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"
command -v node >/dev/null || skip "there is no node"

est_service
agent_token
agent_conf "form = pem"
must agent once >/dev/null
background "$T/agent.out" "$B/bin/inro" agent run --config "$T/agent.conf"
until_true test -S "$T/agent.sock"

cat >"$T/flow.js" <<'J'
"use strict";
const assert = require("assert");
const [dir, socket] = process.argv.slice(2);
const kinds = {};
const RED = { nodes: { createNode() {}, registerType(name, make) { kinds[name] = make; } } };
require(dir + "/" + Object.values(require(dir + "/package.json")["node-red"].nodes)[0])(RED);

function run(config, msg) {
  return new Promise((resolve) => {
    const out = { statuses: [] };
    const node = {
      on(event, f) {
        f(msg, (m) => { out.msg = m; }, (e) => { out.error = e; resolve(out); });
      },
      status(s) { out.statuses.push(s); },
    };
    kinds["inro-agent"].call(node, config);
  });
}

(async () => {
  let r = await run({ socket }, { payload: "", topic: "t" });
  assert.ifError(r.error);
  assert.strictEqual(r.msg.payload.state, "valid");
  assert.strictEqual(r.msg.payload.id, "dev-1");
  assert.strictEqual(r.msg.topic, "t");
  assert.strictEqual(r.statuses[0].fill, "green");
  r = await run({ socket, ask: "status" }, { payload: "renew" });
  assert.ifError(r.error);
  assert.deepStrictEqual(r.msg.payload, { started: true });
  r = await run({ socket: socket + ".none" }, { payload: "status" });
  assert.match(r.error.message, /no agent at/);
  assert.strictEqual(r.msg, undefined);
  const { ask } = require(dir + "/agent.js");
  await assert.rejects(ask("drop", socket), /nothing to ask/);
})().catch((e) => { console.error(e); process.exit(1); });
J
must node "$T/flow.js" "$S/tools/node-red-contrib-inro" "$T/agent.sock"
is_renewed() { [[ $(readlink "$T/agent/live") == gen-2 ]]; }
within_time is_renewed || fail "renew by the node renewed nothing"
good_pair
