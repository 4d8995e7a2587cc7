"use strict";
// inro-agent - the node: msg.payload "status", "look" or "renew" (else the node's own choice) goes to the agent; what
// it says comes out as msg.payload.

const { ask, WORDS } = require("./agent.js");

function show(node, answer) {
  if (answer.state === undefined) node.status({ fill: "blue", shape: "dot", text: "asked" });
  else if (answer.error) node.status({ fill: "yellow", shape: "ring", text: answer.error.slice(0, 60) });
  else node.status({ fill: answer.state === "valid" ? "green" : "red", shape: "dot", text: `${answer.state} ${answer.not_after || ""}` });
}

module.exports = function (RED) {
  function InroAgent(config) {
    RED.nodes.createNode(this, config);
    this.on("input", (msg, send, done) => {
      const word = WORDS.includes(msg.payload) ? msg.payload : config.ask || "status";
      ask(word, config.socket)
        .then((answer) => {
          show(this, answer);
          msg.payload = answer;
          send(msg);
          done();
        })
        .catch((e) => {
          this.status({ fill: "red", shape: "ring", text: e.message.slice(0, 60) });
          done(e);
        });
    });
  }
  RED.nodes.registerType("inro-agent", InroAgent);
};
