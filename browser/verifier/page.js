"use strict";
// The page: takes a file, asks the worker, shows what it answers. Whatever comes out of a dossier is
// put on the page as text and never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const PREFIX = "lianping:";
  const MAX_FILE_BYTES = 1024 * 1024 * 1024; // the verifier's own limits are far below
  const CENTER = /^(?:lp1)?[a-z2-7]{32}$/;
  const AGREEMENT = /^[0-9a-f]{64}$/;
  const CENTER_ID = "lp1"; // and base32, which has no 1: a fingerprint cannot begin like it
  const FINGERPRINT = 32;

  const STAGES = {
    unpack: [10, "正在展开程序", "unpacking the program"],
    python: [30, "正在启动 Python", "starting Python"],
    verifier: [70, "正在装入核对程序", "loading the verifier"],
    ready: [100, "就绪, 请选择卷宗", "ready: choose a dossier"],
    reading: [null, "正在读取文件", "reading the file"],
    verifying: [null, "正在核对", "verifying"],
    done: [100, "核对完毕", "done"],
  };
  const MARKS = {
    passed: ["✓ 通过", "passed", "good"], failed: ["✗ 不成立", "failed", "bad"],
    undecided: ["— 未判定", "not decided", "open"],
    checked: ["✓ 已核对", "checked", "good"], "partly checked": ["◐ 部分核对", "partly checked", "open"],
    "not checked": ["— 未核对", "not checked", "open"],
  };
  const ROLES = { HOST: ["主场", "host"], SUB: ["副场", "sub"] };
  const EXCLUSIONS = {
    NONE: ["无回避名单", "no exclusions"], CHECKED: ["回避名单已核对", "exclusions checked"],
    SEALED: ["回避名单未公开", "exclusions not opened"],
  };

  let worker;
  let loaded = false;
  let chosen = null; // the file to verify as soon as everything is loaded
  let busy = false;

  // ---- saying it ----

  // What a screen would not show as it stands (bidi marks, control characters) could make a line look
  // like another one. As federation.evidence.verdict.readable does it.
  const clean = (text) => String(text).replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, "\uFFFD");
  const escaped = (json) => json.replace(
    /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu,
    (each) => (each === "\n" ? each : each.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")),
  );
  const lines = (text) => String(text).split("\n").map(clean).join("\n");

  function both(zh, en, parent = document.createElement("span")) {
    parent.append(clean(zh));
    if (en !== undefined && en !== "") {
      const english = document.createElement("span");
      english.lang = "en";
      english.textContent = ` ${clean(en)}`;
      parent.append(english);
    }
    return parent;
  }

  function element(tag, kind = "", ...inside) {
    const made = document.createElement(tag);
    if (kind !== "") made.className = kind;
    made.append(...inside);
    return made;
  }

  const plain = (text) => document.createTextNode(clean(text));
  const mono = (text) => element("span", "mono", clean(text));
  const title = (zh, en) => both(zh, en, element("h3"));

  function stage(name, extra = "") {
    const [share, zh, en] = STAGES[name];
    $("state").replaceChildren(both(zh + extra, en));
    $("state").dataset.stage = name;
    if (share === null) $("progress").removeAttribute("value");
    else $("progress").value = share;
  }

  function sentence(kind, zh, en) {
    return both(zh, en, element("p", `sentence ${kind}`));
  }

  function table(head, rows) {
    const made = element("table");
    const top = element("tr");
    for (const [zh, en] of head) {
      const cell = both(zh, en, element("th"));
      cell.scope = "col";
      top.append(cell);
    }
    const body = element("tbody");
    for (const row of rows) {
      const line = element("tr");
      for (const cell of row) {
        line.append(cell instanceof HTMLTableCellElement ? cell : element("td", "", cell));
      }
      body.append(line);
    }
    made.append(element("thead", "", top), body);
    return made;
  }

  function mark(state) {
    const [zh, en, kind] = MARKS[state] ?? [state, "", "open"];
    return both(zh, en, element("td", `mark ${kind}`));
  }

  const short = (text) => element("td", "short", clean(text));

  function time(ms) {
    // Beijing has kept UTC+8 without daylight saving since 1992.
    const at = new Date(ms + 8 * 3600 * 1000);
    return Number.isNaN(at.getTime()) ? String(ms) : at.toISOString().slice(0, 19).replace("T", " ");
  }

  // ---- the verdict ----

  function show(answer, name, seconds, signatures) {
    const { status, document: told } = answer;
    const out = [];
    if (told === null) {
      out.push(sentence("open", "无法核对", "It cannot be told"));
      out.push(element("pre", "", lines(answer.zh)));
    } else if (told.holds) {
      out.push(...holds(answer));
    } else if (told.not_a_party !== undefined) {
      out.push(sentence("bad", "卷宗自洽, 但不属于所填的中心或协议", "The dossier holds, but it is not of the expected center or agreement"));
      out.push(...told.not_a_party.map((id) => element("p", "", mono(id))));
    } else {
      out.push(...refuted(answer));
    }
    if (answer.steps.length > 0 && told !== null && told.not_a_party === undefined) {
      out.push(title("核对步骤", "Steps"));
      out.push(table(
        [["步骤", "step"], ["内容", "what"], ["结果", "result"]],
        answer.steps.map((step) => [short(step.number), both(step.zh, step.en), mark(step.state)]),
      ));
    }
    if (answer.timeline.length > 0) {
      out.push(title("时间线 (北京时间)", "Timeline (Beijing time)"));
      out.push(table(
        [["时间", "time"], ["中心", "center"], ["经过", "what"]],
        answer.timeline.map((each) => [short(each.at), plain(each.by), both(each.zh, each.en)]),
      ));
    }
    const words = element("details", "", both("命令行的原文", "As the command line says it", element("summary")));
    const json = element("pre", "", escaped(JSON.stringify(told, null, 1)));
    json.id = "json";
    words.append(element("pre", "", lines(answer.zh)), element("pre", "", lines(answer.en)), json);
    out.push(words);
    out.push(both(
      `文件: ${name}; 核对签名${signatures}个, 用时${seconds.toFixed(1)}秒; 核对时间: ${time(Date.now())}`,
      `file: ${name}; ${signatures} signatures, ${seconds.toFixed(1)} s`,
      element("p"),
    ));
    $("result").replaceChildren(...out);
    $("result").dataset.status = String(status);
    $("verdict").hidden = false;
    $("verdict").focus();
  }

  function refuted(answer) {
    const told = answer.document;
    const out = [];
    if (told.readable === false) {
      out.push(sentence("bad", "文件不可读, 无从核对", "The file is unreadable; nothing was verified"));
    } else {
      out.push(sentence("bad", "卷宗不成立", "The dossier does not hold"));
    }
    const rows = [
      [both("步骤", "step"), plain(`${told.step} (${told.step_name})`)],
      [both("位置", "where"), plain(told.where)],
      [both("问题", "what is wrong"), both(told.zh, told.en)],
    ];
    if (answer.rule !== null) {
      const { name, zh, en } = answer.rule;
      rows.splice(1, 0, [both("违反的规则", "rule broken"), both(`${name} ${zh}`, en)]);
    }
    out.push(table([["项目", "item"], ["内容", "content"]], rows));
    return out;
  }

  function holds(answer) {
    const told = answer.document;
    const out = [sentence("good", firstLine(answer.zh), firstLine(answer.en))];
    out.push(table([["项目", "item"], ["内容", "content"]], facts(told)));
    out.push(title("中心", "Centers"));
    out.push(table(
      [["角色", "role"], ["名称", "name"], ["指纹 (请与公布的核对)", "fingerprint (compare)"], ["日志", "log"]],
      (told.parties ?? []).map((party) => [
        both(...(ROLES[party.role] ?? [party.role])), plain(party.name), mono(party.fingerprint),
        both(`${party.log_size}条, ${time(party.cosigned_at_ms)}联署`, `${party.log_size} entries, cosigned`),
      ]),
    ));
    if ((told.outsiders ?? []).length > 0) {
      out.push(title("协议约定的外部方", "Others whom the agreement names"));
      out.push(table(
        [["角色", "role"], ["名称", "name"], ["指纹 (请与公布的核对)", "fingerprint (compare)"]],
        told.outsiders.map((each) => [
          both(
            [each.contributes ? "外部见证方" : "", each.regulates ? "监管部门" : ""].filter(Boolean).join("、"),
            [each.contributes ? "outside contributor" : "", each.regulates ? "regulator" : ""].filter(Boolean).join(", "),
          ),
          plain(each.name), mono(each.fingerprint),
        ]),
      ));
    }
    const names = Object.fromEntries((told.parties ?? []).map((party) => [party.center, party.name]));
    if ((told.draws ?? []).length > 0) {
      out.push(title("专家抽取", "Draws of experts"));
      out.push(table(
        [["专家库", "pool of"], ["封定", "sealed by"], ["邀请", "invited"], ["接受", "accepted"], ["补抽", "replaced"], ["入选", "on the list"], ["回避", "exclusions"]],
        told.draws.map((draw) => [
          plain(names[draw.owner] ?? draw.owner), plain(names[draw.sealer] ?? draw.sealer), plain(draw.invited),
          plain(draw.accepted), plain(draw.supplements), plain(draw.members),
          both(...(EXCLUSIONS[draw.exclusions] ?? [draw.exclusions])),
        ]),
      ));
      for (const draw of told.draws) {
        const found = draw.called_back ?? { checked: 0 };
        if (found.checked > 0) {
          const name = names[draw.owner] ?? draw.owner;
          out.push(sentence(
            found.mismatched + found.faulty > 0 ? "bad" : "good",
            `监管部门抽查${name}的邀请${found.checked}次, 专家说法不符${found.mismatched}次, 通话回执有误${found.faulty}次`,
            `Call-backs of ${name}: ${found.checked} checked, ${found.mismatched} mismatched, ${found.faulty} without a good record`,
          ));
        }
      }
    }
    if ((told.voided ?? []).length > 0) {
      out.push(title("作废的抽取", "Draws that came to nothing"));
      if (told.order_known > 0) {
        out.push(sentence(
          "bad",
          `警告: ${told.order_known}次抽取在封定方已知抽取结果之后作废, 可被用来挑选结果`,
          `Warning: ${told.order_known} draws were given up after their sealer knew what they would come to: this can be used to choose among results`,
        ));
      }
      const of = (id) => names[id] ?? id;
      out.push(table(
        [["专家库, 封定", "pool, sealer"], ["作废", "declared void"], ["结果已知", "known"], ["未能核对及原因", "not checked, and why"]],
        told.voided.map((draw) => [
          element("div", "", element("p", "", plain(`${draw.sequence || "—"}: ${of(draw.owner)}`)), element("p", "", plain(of(draw.sealer)))),
          element(
            "div", "", element("p", "", plain(`${time(draw.at_ms)} ${of(draw.by)}`)),
            element("p", "", mono(draw.phase)), element("p", "", plain(draw.detail)),
          ),
          !draw.order_known ? both("否", "no") : draw.leave
            ? both("是, 监管部门已准许重抽", "yes, drawn again with the regulator's leave")
            : both("是, 重抽未经监管部门准许", "yes, drawn again without the regulator's leave"),
          element("div", "", ...draw.unchecked.map((each) => both(each.zh, each.en, element("p")))),
        ]),
      ));
    }
    if ((told.checks ?? []).length > 0) {
      out.push(title("逐条规则: 核对了什么, 什么不能核对及原因", "Rule by rule: what was checked, what could not be and why"));
      out.push(table(
        [["规则", "rule"], ["内容", "what must be"], ["结果", "result"], ["数量", "count"], ["未能核对及原因", "not checked, and why"]],
        told.checks.map((check) => [
          short(check.rule), both(check.zh, check.en), mark(check.result), both(check.count, check.unit, element("td", "short")),
          element("div", "", ...(check.unchecked ?? []).map((each) => both(each.zh, each.en, element("p")))),
        ]),
      ));
    }
    if ((told.names ?? []).length > 0) {
      const keys = Object.keys(told.names[0]);
      out.push(title("事后公开的姓名", "Names that were opened later"));
      out.push(table(keys.map((key) => [key]), told.names.map((each) => keys.map((key) => plain(each[key])))));
    }
    return out;
  }

  function facts(told) {
    const agreements = told.agreements ?? (told.agreement === undefined ? [] : [told.agreement]);
    return [
      [both("项目", "project"), plain(told.project_name)],
      [both("标段编号", "lot"), mono(told.lot_code)],
      ...agreements.map((each) => [both("协议", "agreement"), element("span", "", plain(`${each.title} `), mono(each.id))]),
      [both("开始", "started"), time(told.started_ms)],
      [both("结束", "ended"), time(told.finished_ms)],
      [both("档案接收", "archive received"), time(told.received_ms)],
      [both("评标委员会", "committee"), both(`${told.members}人, 其中招标人代表${told.representatives}人`, `${told.members} members, ${told.representatives} representatives of the tenderee`)],
      [both("作废的抽取", "draws declared void"), plain(told.void_draws)],
      [both("外部见证方", "outside contributors"), plain(told.outside_contributors)],
      [both("核对消息", "words verified"), plain(told.words)],
    ];
  }

  const firstLine = (text) => String(text).split("\n", 1)[0];

  // ---- asking ----

  function expected() {
    const ids = [];
    for (const line of $("expect").value.split(/[\n,;，；、]/)) {
      const text = line.replace(/[\s-]/g, "").toLowerCase();
      if (text === "") continue;
      if (AGREEMENT.test(text)) ids.push(text);
      else if (CENTER.test(text)) ids.push(text.length > FINGERPRINT ? text : CENTER_ID + text);
      else return { wrong: line.trim() };
    }
    return { ids };
  }

  async function verify() {
    if (!loaded || busy || chosen === null) return;
    const wanted = expected();
    if (wanted.wrong !== undefined) {
      fail(`所填“${wanted.wrong}”不是中心指纹、中心编码或协议编号`, `“${wanted.wrong}” is no fingerprint, center id or agreement id`);
      $("expect").focus();
      return;
    }
    if (chosen.size > MAX_FILE_BYTES) {
      fail("文件过大, 不是卷宗", "The file is far too large to be a dossier");
      return;
    }
    busy = true;
    $("again").disabled = true;
    $("verdict").hidden = true;
    stage("reading");
    try {
      const bytes = new Uint8Array(await chosen.arrayBuffer());
      stage("verifying");
      worker.postMessage({ kind: "verify", bytes, expected: wanted.ids }, [bytes.buffer]);
    } catch (error) {
      busy = false;
      $("again").disabled = false;
      fail("文件无法读取", `The file cannot be read: ${error.message}`);
    }
  }

  function fail(zh, en) {
    $("result").replaceChildren(sentence("bad", zh, en));
    $("result").dataset.status = "error";
    $("verdict").hidden = false;
    $("progress").value = 0;
    $("state").replaceChildren();
    $("state").dataset.stage = "failed";
  }

  function take(files) {
    if (files === null || files.length === 0) return;
    chosen = files[0];
    if (loaded) verify();
  }

  // ---- loading ----

  // A page from a file has no origin, so a worker may import nothing that the page has made: it makes
  // the addresses of its modules itself. Chromium starts a module worker from data: only, and in
  // Firefox only one from blob: may import.
  const BOOT = `onmessage = async ({ data }) => {
    try {
      const addresses = {};
      for (const { name, imports, text } of data.modules) {
        const linked = imports.reduce(
          (so, each) => so.replaceAll('"${PREFIX}' + each + '"', '"' + addresses[each] + '"'), text);
        addresses[name] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
      }
      const verifier = await import(addresses["worker.js"]);
      await verifier.start(data);
    } catch (error) {
      postMessage({ kind: "broken", during: "start", message: String(error?.message ?? error) });
    }
  };`;
  const PLACES = [
    () => `data:text/javascript,${encodeURIComponent(BOOT)}`,
    () => URL.createObjectURL(new Blob([BOOT], { type: "text/javascript" })),
  ];

  async function part(name) {
    const text = document.querySelector(`script[data-part="${name}"]`).textContent;
    const raw = atob(text);
    const packed = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at++) packed[at] = raw.charCodeAt(at);
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(plain).arrayBuffer();
  }

  async function load({ again = false } = {}) {
    const began = performance.now();
    const inside = JSON.parse($("table").textContent);
    $("about").textContent =
      `${Object.entries(inside.versions).map(([name, version]) => `${name} ${version}`).join(", ")}; ` +
      `sha256 ${document.querySelector('meta[name="made-of"]').content}`;
    if (!again) stage("unpack");
    const modules = [];
    for (const { name, imports } of inside.modules) {
      modules.push({ name, imports, text: new TextDecoder().decode(await part(name)) });
    }
    const files = {};
    for (const name of inside.files) files[name] = await part(name);
    const python = new Uint8Array(await part("python"));
    const lock = JSON.parse(new TextDecoder().decode(await part("lock")));
    if (!again) stage("python");
    const told = { modules, files, python, lock };
    let problem = null;
    for (const place of PLACES) {
      try {
        await begin(place(), told, began);
        return;
      } catch (error) {
        problem ??= error;
      }
    }
    throw problem;
  }

  // Starts a worker; rejects if it cannot begin.
  function begin(address, told, began) {
    return new Promise((ready, fail) => {
      worker?.terminate();
      worker = new Worker(address, { type: "module" });
      worker.onerror = (event) => fail(new Error(event.message ?? "the worker does not start"));
      worker.onmessage = ({ data }) => {
        if (data.kind === "broken" && data.during === "start") fail(new Error(data.message));
        else heard(data, began);
        if (data.kind === "ready") ready();
      };
      worker.postMessage(told);
    });
  }

  function heard(data, began) {
    if (data.kind === "stage") stage(data.stage);
    else if (data.kind === "ready") {
      loaded = true;
      $("state").dataset.milliseconds = String(Math.round(performance.now() - began));
      stage("ready");
      verify();
    } else if (data.kind === "checked") stage("verifying", ` (签名 ${data.signatures})`);
    else if (data.kind === "answer") {
      busy = false;
      $("again").disabled = false;
      stage("done");
      show(data.answer, chosen.name, data.milliseconds / 1000, data.signatures);
    } else {
      busy = false;
      $("again").disabled = !loaded;
      crashed("核对程序出错, 对卷宗不作结论", `The verifier failed and says nothing about the dossier: ${data.message}`);
    }
  }

  // Python may be in no state to go on: begin again, without the file that did it.
  function crashed(zh, en) {
    fail(zh, en);
    worker.terminate();
    loaded = false;
    chosen = null;
    $("again").disabled = true;
    load({ again: true }).catch((error) => broken(error.message));
  }

  function broken(message) {
    fail(
      "此浏览器不能运行核对程序。请用较新的 Chromium、Edge、Firefox 或 360 浏览器打开, 或用 lianping verify 命令核对。",
      `This browser cannot run the verifier (${message}). Use a recent Chromium, Edge or Firefox, or the command lianping verify.`,
    );
  }

  $("form").addEventListener("submit", (event) => { event.preventDefault(); verify(); });
  $("file").addEventListener("change", () => take($("file").files));
  const drop = document.body;
  drop.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  drop.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    take(event.dataTransfer.files);
  });
  load().catch((error) => broken(error.message));
})();
