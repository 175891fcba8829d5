//! Memcheck's client requests: a sequence of instructions that does nothing on a CPU and that valgrind knows. Written out
//! here (after valgrind.h and memcheck.h), because every binding of it needs valgrind's headers to build the workspace.

/// `VG_USERREQ__*` of valgrind.h and memcheck.h.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Request {
    RunningOnValgrind = 0x1001,
    CountErrors = 0x1201,
    ChangeErrDisablement = 0x1801,
    MakeMemUndefined = 0x4d43_0001,
    MakeMemDefined = 0x4d43_0002,
    GetVbits = 0x4d43_0008,
}

/// Whether this runs under valgrind, on a machine whose client requests are known here.
pub(crate) fn is_running() -> bool {
    request(Request::RunningOnValgrind, [0; 3]) != 0
}

/// Reports so far, repetitions included.
pub(crate) fn reports() -> usize {
    request(Request::CountErrors, [0; 3])
}

/// Runs `work` without reports.
pub(crate) fn unreported<T>(work: impl FnOnce() -> T) -> T {
    request(Request::ChangeErrDisablement, [1, 0, 0]);
    let done = work();
    request(Request::ChangeErrDisablement, [usize::MAX, 0, 0]); // -1
    done
}

/// Marks a value as secret, in memory that the compiler must read again.
pub(crate) fn make_secret<T: ?Sized>(value: &mut T) {
    request(
        Request::MakeMemUndefined,
        [std::ptr::from_mut(value).cast::<u8>().expose_provenance(), size_of_val(value), 0],
    );
}

/// Marks a value as public from here on.
pub(crate) fn make_public<T: ?Sized>(value: &T) {
    request(
        Request::MakeMemDefined,
        [std::ptr::from_ref(value).cast::<u8>().expose_provenance(), size_of_val(value), 0],
    );
}

/// Whether any bit of these bytes depends on a secret.
pub(crate) fn is_secret(bytes: &[u8]) -> bool {
    let mut undefined = vec![0u8; bytes.len()];
    let request = request(
        Request::GetVbits,
        [bytes.as_ptr().expose_provenance(), undefined.as_mut_ptr().expose_provenance(), bytes.len()],
    );
    request == 1 && undefined.iter().any(|bits| *bits != 0)
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn request(request: Request, arguments: [usize; 3]) -> usize {
    let [first, second, third] = arguments;
    let block = [request as usize, first, second, third, 0, 0];
    let mut result = 0;
    // SAFETY: four rotations of rdi that add up to 128 bits and an exchange of rbx with itself change nothing but flags.
    // Valgrind takes the sequence for a request at rax, reads and marks what it names, and puts the result into rdx.
    #[allow(unsafe_code, reason = "there is no other way to speak to valgrind")]
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") block.as_ptr(),
            inout("rdx") result,
        );
    }
    result
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: Request, _: [usize; 3]) -> usize {
    0
}
