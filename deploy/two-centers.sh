#!/usr/bin/env bash
# From two empty folders to two federated nodes: set up, serve, invite, accept, reply, agree. What
# comes next: import seats, connect the e-trading system, `lianping peer test CENTER`.
#
#   deploy/two-centers.sh [FOLDER]      FOLDER: new or empty; a temporary one if not given
#
# Both centers run on this machine, on ports of loopback that are free, with stand-ins of the
# outside systems. What is typed here is what two IT persons type in two cities; the phone call
# in between is a line of this script. Both nodes are stopped at the end. SUITE=gm-1 for the
# other suite; LIANPING names the command if it is not on the PATH; PYTHON the interpreter.
set -euo pipefail

lianping=${LIANPING:-lianping}
python=${PYTHON:-python3}
suite=${SUITE:-intl-1}
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -n "$(ls -A "$folder")" ]; then
    echo "错误 · error: $folder 不是空文件夹 · is not empty" >&2
    exit 2
fi

began=$SECONDS
pids=()

finish() {
    local pid
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
}
trap finish EXIT

step() {
    printf '\n[%d:%02d] %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*"
}

free_ports() {
    "$python" -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(each.getsockname()[1] for each in held))' "$1"
}

# field JSON NAME: one field of an object that a command printed.
field() {
    "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"
}

# set_up KEY NAME USCC REGION PEERS API METRICS
set_up() {
    local home="$folder/$1"
    mkdir "$home" "$home/offline"
    (
        umask 077
        printf '%s' "root passphrase of $1, only for a trial" >"$home/passphrase"
        printf '%s' "operator password of $1" >"$home/password"
    )
    $lianping init --non-interactive --trial --config "$home/node.toml" \
        --name "$2" --uscc "$3" --region "$4" --suite "$suite" \
        --advertise "127.0.0.1:$5" --peers "127.0.0.1:$5" \
        --api "127.0.0.1:$6" --metrics "127.0.0.1:$7" --storage "$home/data" \
        --root-key "$home/offline/root.pem" --root-passphrase-file "$home/passphrase" \
        --operator-password-file "$home/password" --totp-file "$home/totp"
}

# serve KEY METRICS: start a node and wait until it is ready.
serve() {
    local home="$folder/$1" tries=0
    $lianping serve --config "$home/node.toml" >"$home/log" 2>&1 &
    pids+=($!)
    until "$python" -c '
import sys, urllib.request
no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
no_proxy.open("http://127.0.0.1:" + sys.argv[1] + "/readyz", timeout=2)' "$2" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 150 ] || ! kill -0 "${pids[-1]}" 2>/dev/null; then
            echo "错误 · error: 节点未能启动 · the node did not start: $home/log" >&2
            tail -n 5 "$home/log" >&2
            exit 1
        fi
        sleep 0.2
    done
}

# up KEY: wait until the partner of a node answers.
up() {
    local tries=0
    until $lianping peer list --json --config "$folder/$1/node.toml" |
        "$python" -c 'import json, sys; sys.exit(not json.load(sys.stdin)["peers"][0]["up"])'; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ]; then
            echo "错误 · error: $1: 伙伴没有应答 · the partner does not answer" >&2
            exit 1
        fi
        sleep 0.5
    done
}

# code KEY: what the operator's authenticator shows now.
code() {
    "$python" -c '
import pathlib, sys, pyotp
print(pyotp.parse_uri(pathlib.Path(sys.argv[1]).read_text().strip()).now())' "$folder/$1/totp"
}

# stands KEY STATE: wait until the agreement is in that state at a node.
stands() {
    local tries=0
    until $lianping agreement list --json --config "$folder/$1/node.toml" |
        "$python" -c '
import json, sys
found = [each for each in json.load(sys.stdin) if each["id"] == sys.argv[1]]
sys.exit(not (found and found[0]["state"] == sys.argv[2]))' "$agreement" "$2"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            echo "错误 · error: $1: 协议未达到状态 · the agreement is not $2" >&2
            exit 1
        fi
        sleep 0.5
    done
}

read -r -a ports <<<"$(free_ports 6)"
jian=(--config "$folder/jian/node.toml")
changle=(--config "$folder/changle/node.toml")

step "设立两个节点 · set up two nodes ($suite)"
set_up jian 吉安市公共资源交易吉安分中心 91360821300010016L 360821 "${ports[@]:0:3}"
set_up changle 长乐区公共资源交易服务中心 913501123000100246 350112 "${ports[@]:3:3}"

step "运行 · serve"
serve jian "${ports[2]}"
serve changle "${ports[5]}"

step "吉安发出邀请 · Ji'an invites"
invitation=$($lianping peer invite "${jian[@]}" --to 长乐区公共资源交易服务中心 \
    --out "$folder/changle.invitation" --json)

step "长乐接受;电话核对指纹 · Changle accepts; both read their fingerprints on the phone"
joined=$($lianping peer accept "${changle[@]}" "$folder/changle.invitation" \
    --reply "$folder/changle.reply" --fingerprint "$(field "$invitation" fingerprint)" --json)
$lianping peer accept "${jian[@]}" "$folder/changle.reply" --fingerprint "$(field "$joined" ours)"

step "互相问候 · the nodes say Hello"
up jian
up changle
$lianping peer list "${jian[@]}"

step "吉安提议协议 · Ji'an proposes the agreement"
$lianping agreement template | sed "s/^suite = .*/suite = \"$suite\"/" >"$folder/terms.toml"
proposed=$($lianping agreement propose "${jian[@]}" "$folder/terms.toml" --account operator \
    --password-file "$folder/jian/password" --totp "$(code jian)" --json)
agreement=$(field "$proposed" id)
stands changle PROPOSED

step "长乐签署 · Changle signs"
$lianping agreement sign "${changle[@]}" "$agreement" --account operator \
    --password-file "$folder/changle/password" --totp "$(code changle)" --json >/dev/null
stands changle ACTIVE
stands jian ACTIVE
$lianping agreement list "${jian[@]}"

took=$((SECONDS - began))
printf '\n完成 · done: %d:%02d (分:秒 · min:s)\n' $((took / 60)) $((took % 60))
