//! District codes in the real scheme. Which codes exist is generated; see [`super`].

/// Province code, how many regencies (numbered from 01) and cities (from 71) it has: 38, 416 and 98, as in 2024.
const PROVINCES: [(u32, u32, u32); 38] = [
    (11, 18, 5),
    (12, 25, 8),
    (13, 12, 7),
    (14, 10, 2),
    (15, 9, 2),
    (16, 13, 4),
    (17, 9, 1),
    (18, 13, 2),
    (19, 6, 1),
    (21, 5, 2),
    (31, 1, 5),
    (32, 18, 9),
    (33, 29, 6),
    (34, 4, 1),
    (35, 29, 9),
    (36, 4, 4),
    (51, 8, 1),
    (52, 8, 2),
    (53, 21, 1),
    (61, 12, 2),
    (62, 13, 1),
    (63, 11, 2),
    (64, 7, 3),
    (65, 4, 1),
    (71, 11, 4),
    (72, 12, 1),
    (73, 21, 3),
    (74, 15, 2),
    (75, 5, 1),
    (76, 6, 0),
    (81, 9, 2),
    (82, 8, 2),
    (91, 8, 1),
    (92, 7, 0),
    (93, 4, 0),
    (94, 8, 0),
    (95, 8, 0),
    (96, 5, 1),
];
/// Districts of a regency and of a city, numbered from 01: about the real average.
const DISTRICTS: [(u32, u32); 2] = [(1, 15), (71, 10)];

/// All codes, `PPRRDD` as a number: 7,220 where there really are 7,285.
pub(super) fn codes() -> Vec<u32> {
    let mut codes = Vec::new();
    for (province, regencies, cities) in PROVINCES {
        for ((first, districts), count) in DISTRICTS.into_iter().zip([regencies, cities]) {
            for regency in first..first + count {
                codes.extend((1..=districts).map(|district| (province * 100 + regency) * 100 + district));
            }
        }
    }
    codes
}
