//! `rivals root BYTES` and `rivals code K M ROW_BYTES LOST,LOST,… TIMES`: one run each, as a line of JSON.
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};
use std::time::Instant;

extern crate pqcrypto_internals;

extern "C" {
    fn KeccakP1600times4_PermuteAll_24rounds(states: *mut u8);
}

#[repr(C, align(32))]
struct States([u64; 100]);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |i: usize| words[i].parse::<usize>().unwrap();
    match words[1].as_str() {
        "root" => root(number(2)),
        _ => {
            let lost = words[5].split(',').map(|w| w.parse().unwrap()).collect::<Vec<usize>>();
            code(number(2), number(3), number(4), &lost, number(6))
        }
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 24) as u8
        })
        .collect()
}

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn fingerprint<'a>(rows: impl Iterator<Item = &'a [u8]>) -> u32 {
    rows.flatten().fold(2166136261u32, |sum, byte| (sum ^ *byte as u32).wrapping_mul(16777619))
}

fn code(k: usize, m: usize, row_bytes: usize, lost: &[usize], times: usize) {
    let data = noise(k * row_bytes);
    let rows: Vec<&[u8]> = data.chunks(row_bytes).collect();
    let mut encoder = ReedSolomonEncoder::new(k, m, row_bytes).unwrap();
    let mut decoder = ReedSolomonDecoder::new(k, m, row_bytes).unwrap();
    let mut parity: Vec<Vec<u8>> = Vec::new();
    let (mut encode, mut decode) = (f64::MAX, f64::MAX);
    for _ in 0..times {
        let start = cpu_seconds();
        for row in &rows {
            encoder.add_original_shard(row).unwrap();
        }
        parity = encoder.encode().unwrap().recovery_iter().map(|row| row.to_vec()).collect();
        encode = encode.min(cpu_seconds() - start);
        let start = cpu_seconds();
        for (i, row) in rows.iter().enumerate() {
            if !lost.contains(&i) {
                decoder.add_original_shard(i, row).unwrap();
            }
        }
        for (i, row) in parity.iter().enumerate() {
            if !lost.contains(&(k + i)) {
                decoder.add_recovery_shard(i, row).unwrap();
            }
        }
        let decoded = decoder.decode().unwrap();
        let restored: Vec<Vec<u8>> = decoded.restored_original_iter().map(|(_, row)| row.to_vec()).collect();
        decode = decode.min(cpu_seconds() - start);
        assert!(restored.iter().zip(lost).all(|(row, i)| row == rows[*i]));
    }
    let print = fingerprint(parity.iter().map(|row| row.as_slice()));
    println!("{{\"encodeCpu\":{encode},\"decodeCpu\":{decode},\"parity\":{print}}}");
}

/// The tree of a power-of-two number of sectors of 256 bytes, four sectors or pairs at a time.
fn root(bytes: usize) {
    let data = noise(bytes);
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let mut roots = Vec::with_capacity(bytes / 8192);
    let mut level = vec![0u8; 32 * 1024];
    for segment in data.chunks(262_144) {
        hash_all(segment.as_ptr(), 256, segment.len() / 256, level.as_mut_ptr());
        reduce(&mut level, segment.len() / 256);
        roots.extend_from_slice(&level[..32]);
    }
    let count = roots.len() / 32;
    roots.resize(32 * count.max(8), 0);
    reduce(&mut roots, count);
    let hex: String = roots[..32].iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{{\"cpu\":{},\"wall\":{},\"root\":\"{hex}\"}}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
}

fn reduce(level: &mut [u8], count: usize) {
    let mut width = count / 2;
    while width > 0 {
        let at = level.as_mut_ptr();
        hash_all(at, 64, width, at);
        width /= 2;
    }
}

fn hash_all(input: *const u8, each: usize, count: usize, output: *mut u8) {
    let mut i = 0;
    while i < count {
        let lanes = (count - i).min(4);
        let mut states = States([0; 100]);
        let words = each / 8;
        let word = |lane: usize, w: usize| unsafe {
            (input.add((i + lane.min(lanes - 1)) * each + 8 * w) as *const u64).read_unaligned()
        };
        let at = states.0.as_mut_ptr() as *mut u8;
        for w in 0..words {
            if w == 17 {
                unsafe { KeccakP1600times4_PermuteAll_24rounds(at) };
            }
            for lane in 0..4 {
                states.0[4 * (w % 17) + lane] ^= word(lane, w);
            }
        }
        for lane in 0..4 {
            states.0[4 * (words % 17) + lane] ^= 1;
            states.0[64 + lane] ^= 0x8000000000000000;
        }
        unsafe { KeccakP1600times4_PermuteAll_24rounds(at) };
        for lane in 0..lanes {
            for w in 0..4 {
                unsafe { (output.add(32 * (i + lane) + 8 * w) as *mut u64).write_unaligned(states.0[4 * w + lane]) };
            }
        }
        i += 4;
    }
}
