//! Points with Z = 1, as right-hand sides: tables and long sums are worth the division.

use super::edwards::{Affine, D2, Extended};
use super::field::{self, Fe};

/// Vectors that share one inversion.
const SHARED: usize = 64;

kernel! {

/// The same points with Z divided out: one inversion and 6 M a vector.
pub(super) fn normalise(points: &[Extended], out: &mut Vec<Affine>) {
    let mut before: Vec<Fe> = Vec::with_capacity(SHARED.min(points.len()));
    for chunk in points.chunks(SHARED) {
        before.clear();
        let mut product = [field::one(); 2]; // even and odd vectors are two chains, inverted together
        for (index, point) in chunk.iter().enumerate() {
            before.push(product[index % 2]);
            product[index % 2] = field::mul(&product[index % 2], &point.z);
        }
        let mut inverse = field::invert(&product);
        let start = out.len();
        for point in chunk {
            out.push(Affine { y_plus_x: point.x, y_minus_x: point.y, t2d: point.t });
        }
        for (index, point) in chunk.iter().enumerate().rev() {
            let chain = &mut inverse[index % 2];
            let z_inv = field::mul(chain, &before[index]);
            *chain = field::mul(chain, &point.z);
            let (x, y) = (field::mul_wide(&point.x, &z_inv), field::mul_wide(&point.y, &z_inv));
            out[start + index] = Affine {
                y_plus_x: field::carry(&field::add_wide(&y, &x)),
                y_minus_x: field::carry(&field::sub_wide(&y, &x)),
                t2d: field::mul(&field::mul(&point.t, &z_inv), &field::constant(&D2)),
            };
        }
    }
}

}
