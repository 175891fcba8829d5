//! Noise: the discrete Gaussian with σ = 16, by comparing with a whole table.

use rand::CryptoRng;
use zeroize::Zeroize as _;

use super::kernel::Kernel;

/// Entry k is 2^62 times the probability that |x| ≤ k, rounded, where x is k with a weight of exp(−k²/512). What lies
/// beyond the last has a probability below 2^-62 and does not occur. Rounding makes the Rényi divergence (order 2) of 190,000
/// samples from the exact distribution less than 1 + 2^-40.
#[rustfmt::skip]
const BELOW: [u64; 145] = [
    0x0198_8453_3d43_6509, 0x04c7_f4db_749e_5808, 0x07f2_a1ce_743c_0272, 0x0b15_6dee_36d4_80db, 0x0e2d_5362_576c_5a69,
    0x1137_6c71_1a67_5bb8, 0x1430_fb9a_f293_bbc2, 0x1717_72f2_de08_1792, 0x19e8_7a93_2218_ed17, 0x1ca1_f613_df8b_c0f4,
    0x1f42_08ef_7d86_b9fc, 0x21c7_19c7_cba0_c4aa, 0x242f_d485_c147_473c, 0x267b_2b54_b24a_8078, 0x28a8_5680_7848_d12e,
    0x2ab6_d344_3df5_2d1b, 0x2ca6_619d_2126_a092, 0x2e77_0138_a026_c5a8, 0x3028_ed9a_a34b_3cfe, 0x31bc_9999_dc22_d3c8,
    0x3332_aa53_1f41_e042, 0x348b_f1b5_4ded_7e84, 0x35c9_68c7_62e7_d757, 0x36ec_29c9_5257_6f1c, 0x37f5_6a4e_bf79_5763,
    0x38e6_7570_2fd6_51ca, 0x39c0_a62c_7afb_e23b, 0x3a85_6210_e152_2dc0, 0x3b36_143a_974a_df1e, 0x3bd4_28c0_cde6_1a0d,
    0x3c61_0892_769c_f0f2, 0x3cde_15cf_4c77_dbe9, 0x3d4c_a8a0_2818_c73b, 0x3dae_0c8f_6631_5413, 0x3e03_7e5f_400e_4054,
    0x3e4e_2a59_70ab_3eb1, 0x3e8f_2b11_65a2_4538, 0x3ec7_8890_8d5d_57d7, 0x3ef8_37e3_1263_f7ef, 0x3f22_1afa_7a26_3a3d,
    0x3f46_00db_2524_dee9, 0x3f64_a609_8d6b_2fed, 0x3f7e_b52c_4c08_6235, 0x3f94_c7d8_5aa2_e0c7, 0x3fa7_677d_a706_22aa,
    0x3fb7_0e6a_d767_e59b, 0x3fc4_28e0_0354_4cb6, 0x3fcf_1629_1bd5_e748, 0x3fd8_29b9_bbc1_a28d, 0x3fdf_ac45_1694_92b5,
    0x3fe5_dccd_b1f3_4c03, 0x3fea_f1a9_7deb_82f7, 0x3fef_1977_b64e_0cff, 0x3ff2_7c06_b8d3_60e8, 0x3ff5_3b28_a670_704f,
    0x3ff7_7376_3988_426f, 0x3ff9_3cff_b69c_c0d1, 0x3ffa_abec_429a_d263, 0x3ffb_d108_3a3d_835e, 0x3ffc_ba43_6312_e5ea,
    0x3ffd_731f_fa78_3b27, 0x3ffe_0513_c39a_68b0, 0x3ffe_77dc_4565_b0d9, 0x3ffe_d1c7_6e81_a302, 0x3fff_17f1_d20c_a5d5,
    0x3fff_4e7b_a5ac_428d, 0x3fff_78b5_9a69_ce2a, 0x3fff_9946_9735_6d7e, 0x3fff_b24b_4713_564b, 0x3fff_c570_56f9_822a,
    0x3fff_d408_291b_c59f, 0x3fff_df1c_ad7e_987a, 0x3fff_e77d_faa8_3700, 0x3fff_edce_2d89_20b2, 0x3fff_f28b_0575_95a6,
    0x3fff_f615_a06c_7367, 0x3fff_f8b8_acfa_6ac8, 0x3fff_faad_59c8_2a87, 0x3fff_fc1f_3f3f_9e38, 0x3fff_fd2f_7597_d8c8,
    0x3fff_fdf7_00e2_ff10, 0x3fff_fe88_b54c_90f1, 0x3fff_fef2_af6e_76e0, 0x3fff_ff3f_775e_18b2, 0x3fff_ff76_e0af_94ff,
    0x3fff_ff9e_b60d_18e7, 0x3fff_ffbb_3c06_f948, 0x3fff_ffcf_9454_f0e8, 0x3fff_ffde_08cb_0d7b, 0x3fff_ffe8_43b1_73e7,
    0x3fff_ffef_79eb_feb7, 0x3fff_fff4_8a5f_11d8, 0x3fff_fff8_1535_5b63, 0x3fff_fffa_8d0c_2604, 0x3fff_fffc_4390_b12e,
    0x3fff_fffd_72b9_91ee, 0x3fff_fffe_437d_99cc, 0x3fff_fffe_d2b1_705c, 0x3fff_ffff_348a_26e8, 0x3fff_ffff_7722_8f5a,
    0x3fff_ffff_a448_a467, 0x3fff_ffff_c2c5_f8de, 0x3fff_ffff_d748_77b7, 0x3fff_ffff_e506_9b00, 0x3fff_ffff_ee32_c5b6,
    0x3fff_ffff_f44b_efbf, 0x3fff_ffff_f855_d204, 0x3fff_ffff_faff_d7ae, 0x3fff_ffff_fcbf_ff7c, 0x3fff_ffff_fde5_5501,
    0x3fff_ffff_fea4_94d2, 0x3fff_ffff_ff20_c96b, 0x3fff_ffff_ff71_22fb, 0x3fff_ffff_ffa4_e9c6, 0x3fff_ffff_ffc6_25b7,
    0x3fff_ffff_ffdb_6578, 0x3fff_ffff_ffe8_edf3, 0x3fff_ffff_fff1_83cf, 0x3fff_ffff_fff6_f0b1, 0x3fff_ffff_fffa_5af1,
    0x3fff_ffff_fffc_7f1a, 0x3fff_ffff_fffd_d576, 0x3fff_ffff_fffe_aa74, 0x3fff_ffff_ffff_2e72, 0x3fff_ffff_ffff_7fec,
    0x3fff_ffff_ffff_b205, 0x3fff_ffff_ffff_d0b5, 0x3fff_ffff_ffff_e36d, 0x3fff_ffff_ffff_eece, 0x3fff_ffff_ffff_f5b1,
    0x3fff_ffff_ffff_f9d8, 0x3fff_ffff_ffff_fc56, 0x3fff_ffff_ffff_fdd4, 0x3fff_ffff_ffff_feb8, 0x3fff_ffff_ffff_ff3f,
    0x3fff_ffff_ffff_ff8f, 0x3fff_ffff_ffff_ffbe, 0x3fff_ffff_ffff_ffda, 0x3fff_ffff_ffff_ffea, 0x3fff_ffff_ffff_fff3,
    0x3fff_ffff_ffff_fff9, 0x3fff_ffff_ffff_fffc, 0x3fff_ffff_ffff_fffe, 0x3fff_ffff_ffff_ffff, 0x3fff_ffff_ffff_ffff,
];

/// Fills `samples` with fresh ones, and `coins` with a bit each, in constant time.
pub(super) fn sample(
    kernel: Kernel,
    rng: &mut (impl CryptoRng + ?Sized),
    samples: &mut [i32],
    coins: &mut [u32],
) {
    let mut bytes = [0u8; 8 * 64];
    for (samples, coins) in samples.chunks_mut(64).zip(coins.chunks_mut(64)) {
        rng.fill_bytes(&mut bytes);
        let mut words = [0u64; 64];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let mut magnitudes = [0u32; 64];
        kernel.count_reached(&BELOW, &words, &mut magnitudes);
        for (((sample, coin), word), magnitude) in samples.iter_mut().zip(coins).zip(&words).zip(&magnitudes)
        {
            // Bit 63 decides a tie of the query's rounding, bit 62 the sign, the rest the magnitude.
            *coin = u32::from(word >> 63 != 0);
            let sign = u32::from(word >> 62 & 1 != 0).wrapping_neg();
            *sample = (magnitude ^ sign).wrapping_sub(sign).cast_signed();
        }
        words.zeroize();
        magnitudes.zeroize();
    }
    bytes.zeroize();
}

/// How many entries each word's lower 62 bits reach: the sample's magnitude. The body of every kernel.
#[inline(always)]
pub(super) fn count_reached(below: &[u64], words: &[u64; 64], counts: &mut [u32; 64]) {
    let mut reached = [0u64; 64];
    for &entry in below {
        for (reached, word) in reached.iter_mut().zip(words) {
            // Neither has bit 62 or 63, so that the difference is negative exactly if the word is smaller.
            *reached += !((word & ((1 << 62) - 1)).wrapping_sub(entry)) >> 63;
        }
    }
    for (count, reached) in counts.iter_mut().zip(&reached) {
        #[allow(clippy::cast_possible_truncation)] // at most 145
        {
            *count = *reached as u32;
        }
    }
    reached.zeroize();
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_table_is_that_of_the_discrete_gaussian() {
        let weight = |k: u32| f64::from(k).powi(2).mul_add(-1.0 / 512.0, 0.0).exp();
        let total = weight(0) + 2.0 * (1..400).map(weight).sum::<f64>();
        let mut below = weight(0) / total;
        for (k, entry) in (0u32..).zip(BELOW) {
            if k > 0 {
                below += 2.0 * weight(k) / total;
            }
            let found = entry as f64 / f64::from(1u32 << 31) / f64::from(1u32 << 31);
            assert!((found - below).abs() < 1e-14, "entry {k}");
        }
        assert!(BELOW.is_sorted() && BELOW[144] < 1 << 62);
    }

    #[test]
    fn samples_have_the_mean_and_variance_that_they_must() {
        for kernel in Kernel::available() {
            let mut rng = StdRng::seed_from_u64(1);
            let (mut samples, mut coins) = (vec![0; 100_003], vec![0; 100_003]);
            sample(kernel, &mut rng, &mut samples, &mut coins);
            let count = samples.len() as f64;
            let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let variance = samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count;
            let fourth = samples.iter().map(|&x| f64::from(x).powi(4)).sum::<f64>() / count;
            let heads = f64::from(coins.iter().sum::<u32>()) / count;
            // Five standard errors.
            assert!(mean.abs() < 5.0 * 16.0 / count.sqrt(), "mean {mean}");
            assert!((variance / 256.0 - 1.0).abs() < 5.0 * (2.0 / count).sqrt(), "variance {variance}");
            assert!((fourth / (3.0 * 65_536.0) - 1.0).abs() < 0.1, "fourth moment {fourth}");
            assert!((heads - 0.5).abs() < 2.5 / count.sqrt(), "coins {heads}");
        }
    }
}
