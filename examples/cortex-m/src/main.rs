//! Reads ten digits, checks the bits, trains, checks again.
#![no_std]
#![no_main]

mod images;
mod model;
mod stack;
mod work;

use core::panic::PanicInfo;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use images::IMAGES;
use steadynet_kernels::{Isa, verify};

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hprintln!("{}", info);
    exit(false)
}

#[entry]
fn main() -> ! {
    let mut hash = verify::Hash::new();
    let mut right = 0;
    for (digit, image) in IMAGES.iter().enumerate() {
        let probabilities = model::predict(&work::features(image));
        hash.update(&probabilities);
        let (best, &probability) =
            probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap_or((0, &0.0));
        hprintln!("a {} is read as {} ({} in 1000)", digit, best, (1000.0 * probability) as u32);
        right += usize::from(digit == best);
    }
    let mut ok = report("right of ten", right as u64, 10);
    ok &= report("hash of the predictions", hash.value(), work::PREDICTIONS);
    ok &= report("self-test", u64::from(model::self_test()), 1);
    let fingerprint = verify::fingerprint(Isa::detect()).unwrap_or(0);
    ok &= report("fixed training (verify)", fingerprint, verify::EXPECTED);
    let mut memory = work::Memory::new();
    let trained = work::train(&mut memory).unwrap_or(0);
    ok &= report("parameters after more training", trained, work::TRAINED);
    let features = work::features(&IMAGES[3]);
    let used = stack::used(|| core::hint::black_box(model::predict(core::hint::black_box(&features))));
    hprintln!("stack of a prediction: {} bytes", used);
    hprintln!("{}", if ok { "the same bits as everywhere" } else { "OTHER BITS" });
    exit(ok)
}

fn report(what: &str, found: u64, expected: u64) -> bool {
    let ok = found == expected;
    hprintln!("{:>32}: {:#x}{}", what, found, if ok { "" } else { "  WRONG" });
    ok
}

fn exit(ok: bool) -> ! {
    debug::exit(if ok { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    // Only without a debugger.
    loop {}
}
