//! docs/operator.md: every command of it is run, in order, on a temporary folder.
//!
//! What belongs to the machine and to root (`sudo`, `useradd`, `systemctl`, `journalctl`, the build) is played by shell functions;
//! `systemctl` starts and reloads the server by what the unit says. Everything of ours is the real program.

use std::path::Path;
use std::process::Command;

/// The stand-ins. `$ROOT` is the temporary folder.
const STAND_INS: &str = r#"
sudo() {
    if [ "$1" = -u ]; then [ "$2" = samar ] || exit 90; shift 2; fi
    "$@"
}
cargo() { [ "$*" = 'build --release -p samar-server' ] || exit 91; }
useradd() { [ "${*: -1}" = samar ] || exit 92; }
install() {
    local arguments=()
    while [ $# -gt 0 ]; do
        case $1 in -o | -g) [ "$2" = samar ] || exit 93; shift 2 ;; *) arguments+=("$1"); shift ;; esac
    done
    command install "${arguments[@]}"
}
unit() { sed -n "s/^$1=//p" "$ROOT/units/samar-server.service" | sed "s#/usr/local/bin#$ROOT/bin#; s#/var/lib/samar-server#$ROOT/var#"; }
systemctl() {
    case $* in
        daemon-reload) ;;
        'enable --now samar-server')
            [ "$(unit StandardInput)" = file:/etc/samar/passphrase ] || exit 94
            $(unit ExecStart) <"$ROOT/etc/passphrase" 2>"$ROOT/journal" &
            echo $! >"$ROOT/pid"
            for _ in $(seq 300); do grep -q listening "$ROOT/journal" && return; sleep 0.1; done
            cat "$ROOT/journal"; exit 95 ;;
        'reload samar-server') [ "$(unit ExecReload)" = '/bin/kill -HUP $MAINPID' ] && kill -HUP "$(cat "$ROOT/pid")" ;;
        *) exit 96 ;;
    esac
}
journalctl() { tail -n 5 "$ROOT/journal"; }
curl() {
    local url=${*: -1}; local path=/${url##*/} host=${url#http://}; host=${host%%/*}
    exec 9<>"/dev/tcp/${host%:*}/${host#*:}"
    printf 'GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' "$path" >&9
    head -n 1 <&9 | grep -q ' 200 '
}
trap '[ -f "$ROOT/pid" ] && kill "$(cat "$ROOT/pid")" 2>/dev/null; true' EXIT
"#;

#[test]
fn every_command_of_the_operators_guide_works() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for part in ["bin", "etc", "units", "var"] {
        std::fs::create_dir(root.join(part)).unwrap();
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dump = "NIK,NAMA,FOTO\n3201010101900001,Ani,foto.jpg\n3201014202910002,Budi,\nnot a number,Citra,\n";
    std::fs::write(root.join("dump.csv"), dump).unwrap();
    std::fs::create_dir(root.join("server")).unwrap();
    std::fs::copy(project.join("server/samar-server.service"), root.join("server/samar-server.service"))
        .unwrap();

    let guide = std::fs::read_to_string(project.join("docs/operator.md")).unwrap();
    let mut commands = String::new();
    let mut inside = false;
    for line in guide.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => commands.extend([line, "\n"]),
            _ => {}
        }
    }
    assert!(commands.matches("samar-server --dir").count() >= 10, "the guide has commands:\n{commands}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let shown = root.to_str().unwrap();
    for (machine, here) in [
        ("target/release/samar-server", env!("CARGO_BIN_EXE_samar-server").to_owned()),
        ("/var/lib/samar-server", format!("{shown}/var")),
        ("/etc/samar", format!("{shown}/etc")),
        ("/etc/systemd/system", format!("{shown}/units")),
        ("/usr/local/bin", format!("{shown}/bin")),
        ("0.0.0.0:4433", "127.0.0.1:0".to_owned()),
        ("127.0.0.1:9464", format!("127.0.0.1:{port}")),
    ] {
        assert!(commands.contains(machine), "the guide says {machine}");
        commands = commands.replace(machine, &here);
    }
    let script = format!("set -euo pipefail\n{STAND_INS}\nset -x\n{commands}\n");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(root)
        .env("ROOT", root)
        .env("PATH", format!("{shown}/bin:{}", std::env::var("PATH").unwrap()))
        .env_remove("SAMAR_PASSPHRASE")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    // The keys ended under the passphrase, the rejected row in its file, and the new publisher key is in force.
    assert!(std::fs::read(root.join("var/keys/server.key")).unwrap().starts_with(b"SAMARKEY"));
    assert!(std::fs::read_to_string(root.join("rejects.csv")).unwrap().contains("not-digits"));
    assert!(root.join("var/published/manifests/2.manifest").exists());
    let journal = std::fs::read_to_string(root.join("journal")).unwrap();
    assert!(journal.contains("read anew"), "{journal}");
}
