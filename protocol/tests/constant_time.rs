//! Reads the machine code of the constant-time kernels: no branch and no address in it depends on data.
//!
//! What runs is disassembled (`objdump` of this very executable), so that any x86-64 machine can check it, with or
//! without AVX-512, and a compiler that turns a mask into a jump is found out. It needs an optimised build without
//! debug assertions: `cargo test --release -p samar-protocol --test constant_time`.
//!
//! The argument is per function, over every function that the roots reach:
//! - A general register is *public* in a function if everything that writes it there is a constant, a pointer or counter
//!   arithmetic on public registers, or if it comes with the call (the kernels are handed pointers only).
//!   What is loaded from memory or moved out of a vector or mask register is not public.
//! - Each conditional jump must follow a comparison or counter step on public registers and constants alone.
//! - Each address must be made of public registers alone. A gather has a vector in its address, and so is refused.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::process::Command;

use curve25519_dalek::{RistrettoPoint, Scalar};
use samar_protocol::group::{Backend, FixedBase};

/// Where the scalars go. Everything they call is followed.
const ROOTS: [&str; 5] = [
    "ifma::edwards::multiply",
    "ifma::edwards::select_multiple",
    "ifma::edwards::add_affine",
    "ifma::fixed_base::look_up_multiple",
    "ifma::digits::recode",
];

struct Function {
    name: String,
    code: Vec<Instruction>,
}

struct Instruction {
    text: String,
    mnemonic: String,
    operands: Vec<String>,
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "the bound checks of a debug build branch on limbs; run with --release"
)]
fn no_branch_or_address_in_the_kernels_depends_on_data() {
    use_the_kernels();
    let functions = disassemble();
    let mut queue: Vec<u64> = Vec::new();
    for root in ROOTS {
        let found: Vec<u64> =
            functions.iter().filter(|(_, f)| f.name.contains(root)).map(|(&address, _)| address).collect();
        assert!(!found.is_empty(), "{root} is not in the executable under that name");
        queue.extend(found);
    }
    let mut seen = BTreeSet::new();
    while let Some(address) = queue.pop() {
        if seen.insert(address) {
            let function = functions.get(&address).unwrap_or_else(|| panic!("no code at {address:#x}"));
            match faults(function) {
                Ok(callees) => queue.extend(callees),
                Err(fault) => panic!("{}: {fault}", function.name),
            }
        }
    }
    assert!(seen.len() >= 10, "the kernels are more functions than the {} that were found", seen.len());
}

#[test]
fn a_leak_would_be_found() {
    let function = |lines: &[&str]| Function {
        name: "leaky".into(),
        code: lines.iter().map(|line| Instruction::parse(line)).collect(),
    };
    let leaks: [(&str, &[&str]); 5] = [
        ("a mask decides", &["kmovd eax,k1", "test eax,eax", "je 10"]),
        ("a digit indexes", &["mov rax,QWORD PTR [rdi]", "vmovdqa64 zmm0,ZMMWORD PTR [rsi+rax*1]"]),
        ("memory decides", &["cmp QWORD PTR [rdi],0x3", "jb 10"]),
        ("lanes index", &["vpgatherqq zmm1{k1},QWORD PTR [rdi+zmm0*8]"]),
        ("a mask decides at once", &["kortestb k1,k1", "je 10"]),
    ];
    for (how, leak) in leaks {
        assert!(faults(&function(leak)).is_err(), "{how}: {leak:?}");
    }
    let step =
        ["xor eax,eax", "vmovdqa64 zmm0,ZMMWORD PTR [rsi+rax*1]", "add rax,0x40", "cmp rax,0x200", "jne 10"];
    assert_eq!(faults(&function(&step)), Ok(vec![]), "a loop over a table");
}

/// Calls what is to be examined, so that it is linked in. On a CPU without IFMA it is linked but not run.
fn use_the_kernels() {
    let messages = [[1u8; 3]; 9];
    let scalars = [Scalar::from(7u8); 9];
    let backend = Backend::best();
    let points = backend.hash_to_group(b"constant time", &messages);
    black_box(points.mul_shared(&scalars[0]).encode_double());
    black_box(points.mul_each(&scalars).encode_double());
    black_box(FixedBase::new(backend, &RistrettoPoint::default()).mul_each(&scalars).len());
}

fn disassemble() -> BTreeMap<u64, Function> {
    let output = Command::new("objdump")
        .args(["-d", "-C", "-w", "-M", "intel", "--no-show-raw-insn"])
        .arg(std::env::current_exe().unwrap())
        .output()
        .expect("this check needs objdump (binutils)");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut functions = BTreeMap::new();
    let mut current = 0;
    for line in text.lines() {
        if let Some((address, name)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            current = u64::from_str_radix(address, 16).unwrap();
            functions.insert(current, Function { name: name.into(), code: Vec::new() });
        } else if let Some((_, code)) = line.split_once('\t')
            && let Some(function) = functions.get_mut(&current)
        {
            function.code.push(Instruction::parse(code));
        }
    }
    functions
}

/// The functions that this one calls, or the line at fault.
fn faults(function: &Function) -> Result<Vec<u64>, String> {
    let private = private_registers(&function.code);
    let is_public = |text: &str| registers(text).iter().all(|r| !private.contains(r) && !is_vector(r));
    let mut callees = Vec::new();
    let mut flags_public = false;
    for Instruction { text, mnemonic, operands } in &function.code {
        let addresses = operands.iter().filter_map(|operand| address_of(operand));
        if mnemonic != "lea" && mnemonic != "nop" && !addresses.into_iter().all(is_public) {
            return Err(format!("an address depends on data: {text}"));
        }
        if mnemonic == "call" || mnemonic == "jmp" {
            let target = operands.first().and_then(|to| u64::from_str_radix(to.split(' ').next()?, 16).ok());
            let inside = text.contains(&format!("<{}+", function.name));
            callees.extend(target.filter(|_| !inside));
            if target.is_none() {
                return Err(format!("an indirect call or jump: {text}"));
            }
        } else if mnemonic.starts_with('j') && !flags_public {
            return Err(format!("a jump depends on data: {text}"));
        }
        if sets_flags(mnemonic) {
            flags_public = operands.iter().all(|operand| address_of(operand).is_none() && is_public(operand));
        }
    }
    Ok(callees)
}

/// The registers that some instruction writes with what is not public, to a fixed point.
fn private_registers(code: &[Instruction]) -> BTreeSet<String> {
    const PLAIN: [&str; 12] =
        ["mov", "movzx", "movsxd", "add", "sub", "and", "or", "xor", "shl", "shr", "imul", "lea"];
    let mut private: BTreeSet<String> = BTreeSet::new();
    loop {
        let before = private.len();
        for Instruction { mnemonic, operands, .. } in code {
            let Some((target, sources)) = operands.split_first() else { continue };
            let Some(written) = registers(target).into_iter().next() else { continue };
            if address_of(target).is_some() || is_vector(&written) {
                continue;
            }
            let public = match mnemonic.as_str() {
                "cmp" | "test" | "push" | "pop" | "call" | "jmp" => true, // writes nothing, or the caller's own
                "inc" | "dec" | "neg" | "not" => true,                    // as public as it was
                "xor" if sources.first() == Some(target) => true,
                plain if PLAIN.contains(&plain) => sources.iter().all(|source| {
                    (plain == "lea" || address_of(source).is_none())
                        && registers(source).iter().all(|r| !private.contains(r) && !is_vector(r))
                }),
                _ => false,
            };
            if !public {
                private.insert(written);
            }
        }
        if private.len() == before {
            return private;
        }
    }
}

impl Instruction {
    fn parse(code: &str) -> Self {
        let code = code.split('#').next().unwrap_or_default().trim();
        let (mnemonic, rest) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
        let operands = rest.split(',').map(|operand| operand.trim().to_owned()).filter(|o| !o.is_empty());
        Self { text: code.into(), mnemonic: mnemonic.into(), operands: operands.collect() }
    }
}

/// Moves, and what works on vectors alone, leave the flags; everything else is taken to set them.
fn sets_flags(mnemonic: &str) -> bool {
    const LEAVE: [&str; 11] =
        ["mov", "movabs", "movzx", "movsxd", "movaps", "movups", "lea", "push", "pop", "nop", "not"];
    let vector = mnemonic.starts_with('v') && !mnemonic.contains("test") && !mnemonic.contains("comis");
    let mask = mnemonic.starts_with('k') && !mnemonic.contains("test");
    !(LEAVE.contains(&mnemonic) || mnemonic.starts_with('j') || vector || mask)
}

/// What stands in the brackets of a memory operand.
fn address_of(operand: &str) -> Option<&str> {
    operand.split_once('[').map(|(_, rest)| rest.trim_end_matches(']'))
}

/// The registers named, each under the name of its full width.
fn registers(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(full_name).collect()
}

fn full_name(word: &str) -> Option<String> {
    const NAMED: [&str; 8] = ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp"];
    if ["xmm", "ymm", "zmm"].iter().any(|kind| word.starts_with(kind)) {
        return Some(word.into());
    }
    if word.len() == 2 && word.starts_with('k') {
        return Some(word.into());
    }
    if let Some(number) = word.strip_prefix('r').map(|rest| rest.trim_end_matches(['d', 'w', 'b']))
        && number.parse::<u8>().is_ok()
    {
        return Some(format!("r{number}"));
    }
    let named = NAMED.iter().find(|name| {
        let narrow = [name.replace('x', "l"), name.replace('x', "h"), format!("{name}l")];
        word.trim_start_matches(['r', 'e']) == **name || narrow.iter().any(|narrow| narrow == word)
    });
    named.map(|name| format!("r{name}"))
}

fn is_vector(register: &str) -> bool {
    register.contains("mm") || register.starts_with('k')
}
