// The verifier beside the page, so that the page stays alive while it works: Python, what stands
// in for the libraries of a node, and one question at a time.

import { ed25519 } from "lianping:ed25519.js";
import { verifySm2 } from "lianping:sm2.js";
import { sm3 } from "lianping:sm3.js";
import { loadPyodide } from "lianping:pyodide.mjs";
import createPyodideModule from "lianping:pyodide.asm.mjs";

const NOWHERE = "https://page.invalid/"; // never asked: see fetch below
const FILE = "/dossier";
const TELL_EVERY_MS = 200;

let judge;
let checked = 0;
let told = 0;

function say(kind, what = {}) {
  postMessage({ kind, ...what });
}

function counted(verify) {
  return (...of) => {
    checked += 1;
    const now = performance.now();
    if (now - told > TELL_EVERY_MS) {
      told = now;
      say("checked", { signatures: checked });
    }
    return verify(...of);
  };
}

// What Pyodide would fetch lies in the page; anything else it shall not have.
function answering(files) {
  return async (address) => {
    const url = String(address?.url ?? address);
    const found = url.startsWith(NOWHERE) ? files[url.slice(NOWHERE.length)] : undefined;
    if (found === undefined) throw new TypeError("this page has no network");
    const type = url.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(found, { headers: { "content-type": type } });
  };
}

// A browser that cannot run the program says so on its console only, and Pyodide waits on.
function instantiated() {
  return new Promise((_, fail) => {
    const instantiate = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...of) => {
      try {
        return await instantiate.apply(WebAssembly, of);
      } catch (error) {
        fail(error);
        throw error;
      }
    };
  });
}

/** Starts Python; from then on each message is a file to verify. */
export async function start({ files, lock, python }) {
  globalThis.fetch = answering(files);
  const failed = instantiated();
  const loading = loadPyodide({
    indexURL: NOWHERE,
    createPyodideModule,
    lockFileContents: lock,
    packageBaseUrl: NOWHERE,
    stdout: () => {}, // the verifier prints nothing; judge.py takes what the command says
    env: { PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION: "python", PYTHONDONTWRITEBYTECODE: "1" },
  });
  const pyodide = await Promise.race([loading, failed]);
  say("stage", { stage: "verifier" });
  const verifyEd25519 = await ed25519();
  pyodide.registerJsModule("lianping_browser", {
    verify_ed25519: counted(verifyEd25519),
    verify_sm2: counted(verifySm2),
    sm3,
  });
  pyodide.FS.writeFile("/lianping.zip", python);
  pyodide.runPython("import sys; sys.path.insert(0, '/lianping.zip')");
  pyodide.pyimport("sm3"); // before anything that hashes
  const module = pyodide.pyimport("judge");
  module.ready();
  judge = (bytes, expected) => {
    checked = 0;
    pyodide.FS.writeFile(FILE, bytes);
    const list = pyodide.toPy(expected);
    try {
      return JSON.parse(module.judge(FILE, list));
    } finally {
      list.destroy();
      pyodide.FS.unlink(FILE);
    }
  };
  globalThis.onmessage = answerTo;
  say("ready");
}

function answerTo({ data }) {
  try {
    const began = performance.now();
    const answer = judge(data.bytes, data.expected);
    say("answer", { answer, signatures: checked, milliseconds: performance.now() - began });
  } catch (error) {
    say("broken", { during: "verify", message: String(error?.message ?? error) });
  }
}
