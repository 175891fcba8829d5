//! Reads the machine code of the constant-time kernels: no branch and no address in it depends on data.
//!
//! What runs is disassembled (`objdump` of this very executable), so that any x86-64 machine can check it, with or
//! without AVX-512, and a compiler that turns a mask into a jump is found out. It needs an optimised build without
//! debug assertions: `cargo test --release -p samar-protocol --test constant_time`.
//!
//! A data flow over every function that the roots reach, instruction by instruction, says what is *public*: constants,
//! the pointers and lengths that the roots are handed, and plain arithmetic on those; in a register, or in a stack slot
//! where one waits. What is loaded from other memory or moved out of a vector or mask register is not, whatever it is.
//! - Each conditional jump must follow a comparison or a step of public values.
//! - Each address must be made of public registers. A gather has a vector in its address, and so is refused.
//!
//! The same machine code says whether a kernel lost its target features: its intrinsics are calls then, and it is five to
//! fifty times slower.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::process::Command;

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_protocol::group::{Backend, FixedBase};
use samar_protocol::lookup::{
    Answerer, Client, Hint, HintBuilder, HintNote, Kernel, MatrixSeed, Query, QueryVector, Shape,
};

/// Where scalars, and secrets of lookups, go. Everything they call is followed.
const ROOTS: [&str; 5] = [
    "ifma::edwards::multiply",
    "ifma::fixed_base::sum_rows",
    "ifma::digits::recode",
    // LWE secrets and noise of private lookups; the rest of that kernel works on what is sent.
    "avx512::dot_each",
    "avx512::count_in_vectors",
];

/// What the vector kernels are named.
const KERNELS: [&str; 2] = ["vector::ifma::", "kernel::avx512::"];

struct Function {
    name: String,
    code: Vec<Instruction>,
}

struct Instruction {
    address: u64,
    text: String,
    mnemonic: String,
    operands: Vec<String>,
}

/// A call and the argument registers that are public in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    target: u64,
    public: Places,
}

/// Registers and stack slots by name; `flags` is one.
type Places = BTreeSet<String>;

const ARGUMENTS: [&str; 6] = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"];

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "the bound checks of a debug build branch on limbs; run with --release"
)]
fn no_branch_or_address_in_the_kernels_depends_on_data() {
    use_the_kernels();
    let functions = disassemble();
    let mut queue: Vec<Call> = Vec::new();
    for root in ROOTS {
        let found: Vec<Call> = functions
            .iter()
            .filter(|(_, function)| function.name.contains(root))
            .map(|(&target, _)| Call { target, public: ARGUMENTS.map(String::from).into() })
            .collect();
        assert!(!found.is_empty(), "{root} is not in the executable under that name");
        queue.extend(found);
    }
    let mut seen = BTreeSet::new();
    while let Some(call) = queue.pop() {
        if seen.insert(call.clone()) {
            let function = functions.get(&call.target).unwrap_or_else(|| panic!("no code for {call:?}"));
            match faults(function, &call.public) {
                Ok(callees) => queue.extend(callees),
                Err(fault) => panic!("{}: {fault}", function.name),
            }
        }
    }
    assert!(seen.len() >= 10, "the kernels are more functions than the {} that were found", seen.len());
}

#[test]
#[cfg_attr(debug_assertions, ignore = "without optimisation every intrinsic is a call; run with --release")]
fn no_kernel_has_lost_its_target_features() {
    use_the_kernels();
    let functions = disassemble();
    for (name, least) in KERNELS.into_iter().zip([10, 4]) {
        let kernels = functions.values().filter(|function| function.name.contains(name)).count();
        assert!(kernels >= least, "{kernels} functions named {name}");
    }
    let lost = called_intrinsics(&functions);
    assert!(lost.is_empty(), "compiled for the baseline, so that intrinsics are calls: {lost:#?}");
}

#[test]
fn a_lost_target_feature_would_be_found() {
    let function =
        |name: &str, line: &str| Function { name: name.into(), code: vec![Instruction::parse(0, line)] };
    let helper = "samar_protocol::group::vector::ifma::field::square::{{closure}}";
    let intrinsic = "<core::core_arch::x86::avx512f::_mm512_add_epi64>";
    let functions = [
        (0, function(helper, &format!("call 40 {intrinsic}"))),
        (1, function("samar_protocol::group::vector::ifma::field::carry", "vpaddq zmm0,zmm1,zmm2")),
    ];
    assert_eq!(called_intrinsics(&functions.into()), [format!("{helper}: call 40 {intrinsic}")]);
}

#[test]
fn a_leak_would_be_found() {
    let function = |lines: &[&str]| Function {
        name: "leaky".into(),
        code: (0..).zip(lines).map(|(address, line)| Instruction::parse(address, line)).collect(),
    };
    let arguments: Places = ARGUMENTS.map(String::from).into();
    let leaks: [(&str, &[&str]); 5] = [
        ("a mask decides", &["kmovd eax,k1", "test eax,eax", "je 0"]),
        ("a digit indexes", &["mov rax,QWORD PTR [rdi]", "vmovdqa64 zmm0,ZMMWORD PTR [rsi+rax*1]"]),
        ("memory decides", &["cmp QWORD PTR [rdi],0x3", "jb 0"]),
        ("lanes index", &["vpgatherqq zmm1{k1},QWORD PTR [rdi+zmm0*8]"]),
        ("a mask decides at once", &["kortestb k1,k1", "je 0"]),
    ];
    for (how, leak) in leaks {
        assert!(faults(&function(leak), &arguments).is_err(), "{how}: {leak:?}");
    }
    let step =
        ["xor eax,eax", "vmovdqa64 zmm0,ZMMWORD PTR [rsi+rax*1]", "add rax,0x40", "cmp rax,0x200", "jne 1"];
    assert_eq!(faults(&function(&step), &arguments), Ok(vec![]), "a loop over a table");
}

/// Calls what is to be examined, so that it is linked in. On a CPU without IFMA it is linked but not run.
fn use_the_kernels() {
    let messages = [[1u8; 3]; 9];
    let scalars = [Scalar::from(7u8); 9];
    let backend = Backend::best();
    let points = backend.hash_to_group(b"constant time", &messages);
    let encodings = points.mul_shared(&scalars[0]).encode_double();
    black_box(backend.decode(&encodings).unwrap().add(&points).sub(&points).encode());
    black_box([9, 199, 401].map(|count| {
        let points = backend.hash_to_group(b"sum", &vec![[2u8; 3]; count]);
        points.weighted_sum_vartime(&vec![u128::MAX; count])
    }));
    black_box(points.mul_each(&scalars).encode_double());
    look_up();
    black_box(FixedBase::new(backend, &RistrettoPoint::default()).mul_each(&scalars).len());
}

/// Hint, query, answer and reading, with every kernel of this machine.
fn look_up() {
    for kernel in Kernel::available() {
        let (shape, seed) = (Shape::new(2_048, 9).unwrap(), MatrixSeed::from_bytes([3; 16]));
        let pages = vec![7; 9 * 2_048];
        let mut builder = HintBuilder::new(kernel, shape, seed);
        builder.push(&pages);
        let hint = builder.finish();
        let hint = Hint::parse(&hint, &HintNote::of(&hint), 2_048).unwrap();
        let client = Client::new(kernel, shape, seed, hint).unwrap();
        let prepared = client.prepare(2, &mut StdRng::seed_from_u64(1));
        let asked = prepared.into_iter().map(|prepared| prepared.query(4).unwrap());
        let (queries, pending): (Vec<_>, Vec<_>) = asked.unzip();
        let parse = |query: Query| QueryVector::parse(&query.into_bytes(), shape).unwrap();
        let mut answerer = Answerer::new(kernel, shape, queries.into_iter().map(parse).collect());
        answerer.push(&pages);
        for (pending, answer) in pending.into_iter().zip(answerer.finish()) {
            assert_eq!(black_box(pending.recover(&answer).unwrap()).as_slice(), &pages[..2_048]);
        }
    }
}

/// Each place where an intrinsic is called instead of being an instruction, whoever calls it.
fn called_intrinsics(functions: &BTreeMap<u64, Function>) -> Vec<String> {
    let calls = functions.values().flat_map(|function| {
        let calls = function.code.iter().filter(|i| i.text.contains("_mm512_") || i.text.contains("_mm256_"));
        calls.map(|call| format!("{}: {}", function.name, call.text))
    });
    calls.collect()
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
        } else if let Some((address, code)) = line.split_once('\t')
            && let Some(function) = functions.get_mut(&current)
            && let Ok(address) = u64::from_str_radix(address.trim().trim_end_matches(':'), 16)
        {
            function.code.push(Instruction::parse(address, code));
        }
    }
    functions
}

/// The calls that this function makes, or the line at fault.
fn faults(function: &Function, arguments: &Places) -> Result<Vec<Call>, String> {
    let before = public_before_each(function, arguments);
    let mut calls = Vec::new();
    for (instruction, public) in function.code.iter().zip(&before) {
        let (Instruction { text, mnemonic, operands, .. }, Some(public)) = (instruction, public) else {
            continue; // never reached
        };
        let in_addresses = operands.iter().filter_map(|o| address_of(o)).flat_map(registers);
        if mnemonic != "lea" && mnemonic != "nop" && !in_addresses.into_iter().all(|r| public.contains(&r)) {
            return Err(format!("an address depends on data: {text}"));
        }
        if mnemonic.starts_with('j') && mnemonic != "jmp" && !public.contains("flags") {
            return Err(format!("a jump depends on data: {text}"));
        }
        if mnemonic == "call" || mnemonic.starts_with('j') {
            let Some(target) = instruction.target() else {
                // The C library's copies take as long as their length and alignment say.
                let copies = ["<memcpy@", "<memmove@", "<memset@"].iter().any(|name| text.contains(name));
                if copies && ["rdi", "rsi", "rdx"].iter().all(|argument| public.contains(*argument)) {
                    continue;
                }
                return Err(format!("an indirect call or jump: {text}"));
            };
            if mnemonic == "call" || !function.code.iter().any(|i| i.address == target) {
                let handed = ARGUMENTS.map(String::from).into_iter().filter(|a| public.contains(a));
                calls.push(Call { target, public: handed.collect() });
            }
        }
    }
    Ok(calls)
}

/// What is public whenever each instruction is reached: the greatest fixed point over every path to it.
fn public_before_each(function: &Function, arguments: &Places) -> Vec<Option<Places>> {
    const KEPT: [&str; 8] = ["rax", "rbx", "rbp", "rsp", "r10", "r11", "r12", "r13"];
    let mut entry = arguments.clone();
    entry.extend(KEPT.into_iter().chain(["r14", "r15", "rip"]).map(String::from));
    let at: BTreeMap<u64, usize> = function.code.iter().enumerate().map(|(n, i)| (i.address, n)).collect();
    let mut before: Vec<Option<Places>> = vec![None; function.code.len()];
    let mut queue = vec![(0, entry)];
    while let Some((index, arriving)) = queue.pop() {
        let Some(state) = before.get_mut(index) else { continue };
        let merged = match state {
            Some(known) => known.intersection(&arriving).cloned().collect(),
            None => arriving,
        };
        if state.as_ref() == Some(&merged) {
            continue;
        }
        *state = Some(merged.clone());
        let instruction = &function.code[index];
        let after = instruction.public_after(merged);
        if instruction.mnemonic.starts_with('j')
            && let Some(&target) = instruction.target().and_then(|target| at.get(&target))
        {
            queue.push((target, after.clone()));
        }
        if !["jmp", "ret", "ud2"].contains(&instruction.mnemonic.as_str()) {
            queue.push((index + 1, after));
        }
    }
    before
}

impl Instruction {
    fn parse(address: u64, code: &str) -> Self {
        let bare = code.split('#').next().unwrap_or_default().trim();
        let (mnemonic, rest) = bare.split_once(char::is_whitespace).unwrap_or((bare, ""));
        let operands = rest.split(',').map(|operand| operand.trim().to_owned()).filter(|o| !o.is_empty());
        Self { address, text: code.into(), mnemonic: mnemonic.into(), operands: operands.collect() }
    }

    /// Where a direct jump or call goes.
    fn target(&self) -> Option<u64> {
        u64::from_str_radix(self.operands.first()?.split(' ').next()?, 16).ok()
    }

    fn public_after(&self, mut public: Places) -> Places {
        const PLAIN: [&str; 12] =
            ["mov", "movabs", "movzx", "movsxd", "add", "sub", "and", "or", "xor", "shl", "shr", "imul"];
        const OVERWRITE: [&str; 4] = ["mov", "movabs", "movzx", "movsxd"];
        let mnemonic = self.mnemonic.as_str();
        let holds_public = |operand: &String| match place(operand) {
            Some(place) => public.contains(&place),
            None => address_of(operand).is_none(), // a constant
        };
        let operands_public = self.operands.iter().all(holds_public);
        let Some((target, sources)) = self.operands.split_first() else { return public };
        let written = match mnemonic {
            "cmp" | "test" | "nop" | "push" | "jmp" => None,
            "call" => {
                for lost in ["rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "flags"] {
                    public.remove(lost);
                }
                return public;
            }
            _ if mnemonic.starts_with('j') => None,
            _ => place(target),
        };
        let result_public = match mnemonic {
            "pop" => true, // the caller's own
            "xor" if sources.first() == Some(target) => true,
            "lea" => sources.iter().flat_map(|s| registers(s)).all(|r| public.contains(&r)),
            "inc" | "dec" | "neg" | "not" => operands_public,
            _ if mnemonic.starts_with("cmov") => operands_public && public.contains("flags"),
            _ if OVERWRITE.contains(&mnemonic) || sources.len() == 2 => {
                PLAIN.contains(&mnemonic) && sources.iter().all(holds_public)
            }
            _ => PLAIN.contains(&mnemonic) && operands_public,
        };
        if sets_flags(mnemonic) {
            let zeroed = mnemonic == "xor" && sources.first() == Some(target);
            if operands_public || zeroed {
                public.insert("flags".into())
            } else {
                public.remove("flags")
            };
        }
        if let Some(written) = written {
            if result_public {
                public.insert(written)
            } else {
                public.remove(&written)
            };
        }
        public
    }
}

/// Moves, and what works on vectors alone, leave the flags; everything else is taken to set them.
fn sets_flags(mnemonic: &str) -> bool {
    const LEAVE: [&str; 11] =
        ["mov", "movabs", "movzx", "movsxd", "movaps", "movups", "lea", "push", "pop", "nop", "not"];
    let conditional = mnemonic.starts_with("cmov") || mnemonic.starts_with("set");
    let vector = mnemonic.starts_with('v') && !mnemonic.contains("test") && !mnemonic.contains("comis");
    let mask = mnemonic.starts_with('k') && !mnemonic.contains("test");
    !(LEAVE.contains(&mnemonic) || mnemonic.starts_with('j') || conditional || vector || mask)
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

/// The register or stack slot that an operand is; memory elsewhere is none.
fn place(operand: &str) -> Option<String> {
    let Some(address) = address_of(operand) else {
        return full_name(operand.split('{').next().unwrap_or(operand));
    };
    let base = address.split(['+', '-']).next().unwrap_or(address);
    let slot = registers(address).len() == 1 && (base == "rsp" || base == "rbp");
    slot.then(|| format!("[{address}]"))
}
