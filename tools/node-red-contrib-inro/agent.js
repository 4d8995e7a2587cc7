"use strict";
// agent - one question to Inro's agent at its local socket: a line out, a line of JSON back.

const net = require("net");

const SOCKET = "/run/inro/agent.sock";
const WORDS = ["status", "look", "renew"];
const ANSWER_MAX = 64 * 1024;
const TIMEOUT_MS = 5000;

// ask(word, socketPath) gives a promise of what the agent says; it fails with an Error whose message is for people.
function ask(word, socketPath) {
  return new Promise((resolve, reject) => {
    if (!WORDS.includes(word)) {
      reject(new Error(`'${word}' is nothing to ask: ${WORDS.join(", ")}`));
      return;
    }
    let text = "";
    const socket = net.createConnection(socketPath || SOCKET);
    const give = (act, value) => {
      socket.destroy();
      act(value);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(TIMEOUT_MS, () => give(reject, new Error("the agent does not answer")));
    socket.on("connect", () => socket.write(word + "\n"));
    socket.on("data", (part) => {
      text += part;
      if (text.length > ANSWER_MAX) give(reject, new Error("the agent's answer is too long"));
    });
    socket.on("error", (e) => give(reject, new Error(`no agent at ${socketPath || SOCKET} (${e.code}); is 'inro agent run' up?`)));
    socket.on("end", () => {
      let answer;
      try {
        answer = JSON.parse(text);
      } catch (e) {
        give(reject, new Error("the agent's answer is no JSON"));
        return;
      }
      // A status may tell of an error of its last round; only an answer without a state is a refusal.
      if (answer.error && answer.state === undefined) give(reject, new Error(answer.error));
      else give(resolve, answer);
    });
  });
}

module.exports = { ask, SOCKET, WORDS };
