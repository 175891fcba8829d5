//! docs/operator.md and docs/bank.md: every command of both is run, in the order in which a reader meets it, by the real programs.
//!
//! What belongs to the machine and to root (`sudo`, `useradd`, `systemctl`, `journalctl`, the build) is played by shell functions;
//! `systemctl` starts and reloads the server by what the unit says. Where the operator's guide links to a section of the bank's,
//! the bank's commands up to the end of that section are run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use samar_local::table::{Input, Row, Table, TableOptions};
use samar_tests::ordeal::built_programs;

/// The stand-ins. `$ROOT` is the temporary folder, `$CLIENT` the bank's program.
const STAND_INS: &str = r#"
sudo() {
    if [ "$1" = -u ]; then [ "$2" = samar ] || exit 90; shift 2; fi
    "$@"
}
cargo() { case $* in 'build --release -p samar-server' | 'build --release -p samar') ;; *) exit 91 ;; esac; }
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
# Exit code 1 is that somebody is exposed; a sync comes seconds after a publication, which the server takes up meanwhile.
samar() {
    local code=0 newest
    if [ "$1" = sync ]; then
        newest=$(ls "$ROOT/var/published/manifests" | sort -n | tail -n 1)
        for _ in $(seq 150); do
            "$CLIENT" sync >"$ROOT/synced" || return
            grep -q "epoch ${newest%.manifest}," "$ROOT/synced" && { cat "$ROOT/synced"; return; }
            sleep 0.2
        done
        cat "$ROOT/synced"; exit 97
    fi
    "$CLIENT" "$@" || code=$?
    echo "$1 $code" >>"$ROOT/codes"
    case $1 in screen | check) [ $code -le 1 ] ;; *) return $code ;; esac
}
trap '[ -f "$ROOT/pid" ] && kill "$(cat "$ROOT/pid")" 2>/dev/null; true' EXIT
"#;

/// A guide in the order of its lines.
enum Part {
    /// Commands, and the heading they stand under.
    Commands(String, String),
    /// A link to a section of the bank's guide.
    BankUpTo(String),
}

fn parts(guide: &str) -> Vec<Part> {
    let (mut parts, mut heading, mut commands) = (Vec::new(), String::new(), None::<String>);
    for line in guide.lines() {
        match (line, &mut commands) {
            ("```sh", _) => commands = Some(String::new()),
            ("```", Some(_)) => {
                parts.push(Part::Commands(heading.clone(), commands.take().unwrap_or_default()));
            }
            (line, Some(commands)) => commands.extend([line, "\n"]),
            (line, None) => {
                if let Some(title) = line.strip_prefix("## ") {
                    heading = title.to_lowercase().replace(' ', "-");
                }
                let links = line.split("(bank.md#").skip(1).filter_map(|rest| rest.split_once(')'));
                parts.extend(links.map(|(section, _)| Part::BankUpTo(section.to_owned())));
            }
        }
    }
    parts
}

/// The commands of both guides as one script.
fn script(operator: &str, bank: &str) -> String {
    let mut script = String::new();
    let mut bank = parts(bank).into_iter().peekable();
    for part in parts(operator) {
        match part {
            Part::Commands(_, commands) => script += &commands,
            Part::BankUpTo(section) => {
                let mut is_there = false;
                while let Some(Part::Commands(heading, commands)) = bank.next_if(
                    |part| matches!(part, Part::Commands(heading, _) if !is_there || *heading == section),
                ) {
                    is_there = heading == section;
                    script += &commands;
                }
                assert!(is_there, "docs/bank.md has no commands under {section}, or not there");
            }
        }
    }
    assert!(
        bank.next().is_none(),
        "docs/operator.md links to every section of docs/bank.md that has commands"
    );
    script
}

#[test]
fn a_stranger_who_follows_both_guides_screens_the_four_breaches() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for part in ["bin", "etc", "units", "var", "home", "server"] {
        std::fs::create_dir(root.join(part)).unwrap();
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let unit = "server/samar-server.service";
    std::fs::copy(project.join(unit), root.join(unit)).unwrap();
    let read = |name: &str| std::fs::read_to_string(project.join("docs").join(name)).unwrap();
    let mut commands = script(&read("operator.md"), &read("bank.md"));
    for breach in ["bpjs-2021", "dukcapil-2021", "tokopedia-2020", "ektp-selfie-2021"] {
        assert!(commands.contains(&format!("ingest --breach {breach}")), "the guide takes {breach} in");
    }

    let (server, client) = built_programs().unwrap();
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let shown = root.to_str().unwrap();
    for (machine, here) in [
        ("target/release/samar-server ", "\"$SERVER\" "),
        ("target/release/samar ", "\"$CLIENT\" "),
        ("/var/lib/samar-server", &format!("{shown}/var")),
        ("/etc/samar", &format!("{shown}/etc")),
        ("/etc/systemd/system", &format!("{shown}/units")),
        ("/usr/local/bin", &format!("{shown}/bin")),
        ("/srv/dumps", &format!("{shown}/dumps")),
        ("0.0.0.0:4433", &address),
        ("breach.example:4433", &address),
        ("127.0.0.1:9464", &metrics),
    ] {
        assert!(commands.contains(machine), "the guides say {machine}");
        commands = commands.replace(machine, here);
    }
    let output = Command::new("bash")
        .args(["-c", &format!("set -euo pipefail\n{STAND_INS}\nset -x\n{commands}\n")])
        .current_dir(root)
        .env("ROOT", root)
        .env("SERVER", server)
        .env("CLIENT", client)
        .env("HOME", root.join("home"))
        .env("PATH", format!("{shown}/bin:{}", std::env::var("PATH").unwrap()))
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("SAMAR_PASSPHRASE")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    operated(root);
    screened(root);
}

/// The keys ended under the passphrase, rejected rows in their file, the new keys are in force, and no identifier is on the disk.
fn operated(root: &Path) {
    assert!(std::fs::read(root.join("var/keys/server.key")).unwrap().starts_with(b"SAMARKEY"));
    let rejects = std::fs::read_to_string(root.join("dumps/bpjs-rejects.csv")).unwrap();
    assert!(rejects.lines().count() > 1 && rejects.starts_with("file,line,reason\n"), "{rejects}");
    assert!(
        root.join("var/published/manifests/4.manifest").exists(),
        "two of the data, a new publisher key, a new OPRF key"
    );
    let journal = std::fs::read_to_string(root.join("journal")).unwrap();
    assert!(journal.contains("read anew"), "{journal}");
    let niks: Vec<String> =
        cells(&root.join("nasabah.xlsx"), "NIK").into_iter().filter(|nik| nik.len() == 16).collect();
    assert!(niks.len() > 400, "{}", niks.len());
    let mut folders = vec![root.join("var")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let found = |nik: &String| bytes.windows(16).any(|window| window == nik.as_bytes());
            assert!(!niks.iter().step_by(40).any(found), "a NIK in {}", path.display());
        }
    }
}

/// Every report of the bank says what is true of the made-up customers.
fn screened(root: &Path) {
    let truth = root.join("truth.csv");
    let (status, breaches, person) =
        (cells(&truth, "status"), cells(&truth, "breaches"), cells(&truth, "person"));
    let report = root.join("report.csv");
    let (said, found) = (cells(&report, "samar_status"), cells(&report, "samar_breaches"));
    assert_eq!(said.len(), status.len(), "a line for each customer");
    let mut exposed = BTreeMap::<&str, usize>::new();
    for row in 0..said.len() {
        let kind = said[row].split(':').next().unwrap();
        assert_eq!((kind, &found[row]), (status[row].as_str(), &breaches[row]), "row {}", row + 1);
        for id in found[row].split(';').filter(|id| !id.is_empty()) {
            *exposed.entry(id).or_default() += 1;
        }
    }
    assert!(exposed.len() == 4 && exposed.values().all(|rows| *rows > 40), "{exposed:?}");
    assert_eq!(cells(&report, "EMAIL"), cells(&root.join("nasabah.xlsx"), "EMAIL"), "every column is kept");

    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(root.join("summary.json")).unwrap()).unwrap();
    for (at, kind) in ["nik", "phone", "email", "kk", "npwp"].into_iter().enumerate() {
        let column = &summary["columns"][at];
        assert!(column["kind"] == kind && column["matched"].as_u64() > Some(40), "{column}");
    }
    assert!(std::fs::read_to_string(root.join("summary.html")).unwrap().contains("tokopedia-2020"));

    // Of one breach: nobody else is called clear.
    let only = root.join("tokopedia.csv");
    let statuses: BTreeSet<String> = cells(&only, "samar_status").into_iter().collect();
    assert!(
        statuses.contains("exposed") && statuses.contains("not-found") && !statuses.contains("clear"),
        "{statuses:?}"
    );
    assert!(cells(&only, "samar_breaches").iter().all(|ids| ids.is_empty() || ids == "tokopedia-2020"));

    // The day after: those who were added, and nobody else.
    let news = cells(&root.join("news.csv"), "samar_breaches");
    let added = |row: &usize| person[*row].parse().is_ok_and(|person: u64| (400..430).contains(&person));
    let told: BTreeSet<usize> = (0..news.len()).filter(|row| !news[*row].is_empty()).collect();
    assert_eq!(told, (0..news.len()).filter(added).collect(), "who was added is news");
    assert!(told.iter().all(|row| news[*row] == "bpjs-2021") && told.len() >= 30);

    let codes = std::fs::read_to_string(root.join("codes")).unwrap();
    assert_eq!(codes.matches("screen 1").count(), 3, "exposed customers are told by the exit code: {codes}");
    assert!(codes.contains("check 1\n") && codes.contains("check 0\n"), "{codes}");
    for breach in exposed.keys() {
        for language in ["id", "en"] {
            let draft =
                std::fs::read_to_string(root.join(format!("notices/{breach}.{language}.txt"))).unwrap();
            assert!(draft.len() > 500, "{draft}");
        }
    }
}

/// The cells of a column of any file.
fn cells(path: &Path, name: &str) -> Vec<String> {
    let options = TableOptions { name: path.display().to_string(), ..TableOptions::default() };
    let mut table = Table::open(Input::file(std::fs::File::open(path).unwrap()), &options).unwrap();
    let column = table.select_column(name).unwrap();
    let (mut row, mut cells) = (Row::new(), Vec::new());
    while table.next_row(&mut row).unwrap() {
        cells.push(row.require(column).unwrap().into_owned());
    }
    cells
}
