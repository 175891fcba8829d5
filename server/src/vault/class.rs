//! Data classes that a breach can expose, and how two files of one breach agree on them.

/// The classes known by name, after Have I Been Pwned's habits.
pub const KNOWN: [&str; 15] = [
    "address",
    "civil_record",
    "credential_hash",
    "deceased",
    "dob",
    "email",
    "gender",
    "kk",
    "name",
    "noka",
    "npwp",
    "phone",
    "photo",
    "salary",
    "selfie_ktp",
];

/// What a breach exposes: for everyone, and for some by a bit of their label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// For every entry.
    pub exposes: Vec<String>,
    /// For some: class i is bit i.
    pub varies: Vec<String>,
}

/// Two sets of classes made one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What the breach exposes from now on.
    pub classes: Classes,
    /// Bits that every entry from before gets.
    pub old_label: u32,
    /// Bits that every new entry gets.
    pub new_label: u32,
    /// The bit of each class that varies among the new entries, in their order.
    pub new_bits: Vec<u32>,
}

impl Classes {
    /// Merges what further entries expose. A class common to all before that some new entries lack varies from now on, and
    /// the other way round. Bits given before keep their meaning. `None` if more than 32 classes would vary.
    #[must_use]
    pub fn merge(&self, new: &Self) -> Option<Merged> {
        let mut classes = Self {
            exposes: self.exposes.iter().filter(|class| new.exposes.contains(class)).cloned().collect(),
            varies: self.varies.clone(),
        };
        for class in self.exposes.iter().chain(&new.exposes).chain(&new.varies) {
            if !classes.exposes.contains(class) && !classes.varies.contains(class) {
                classes.varies.push(class.clone());
            }
        }
        if classes.varies.len() > 32 {
            return None;
        }
        let bit = |class: &String| {
            classes.varies.iter().zip(0u32..).find(|(name, _)| *name == class).map_or(0, |(_, bit)| 1 << bit)
        };
        let old_label = self.exposes.iter().map(bit).fold(0, |label, bit: u32| label | bit);
        let new_label = new.exposes.iter().map(bit).fold(0, |label, bit| label | bit);
        let new_bits = new.varies.iter().map(bit).collect();
        Some(Merged { classes, old_label, new_label, new_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(exposes: &[&str], varies: &[&str]) -> Classes {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Classes { exposes: owned(exposes), varies: owned(varies) }
    }

    #[test]
    fn the_first_file_decides() {
        let new = classes(&["phone"], &["photo"]);
        let merged = new.merge(&new).unwrap();
        assert_eq!(merged.classes, new);
        assert_eq!((merged.old_label, merged.new_label, merged.new_bits), (0, 0, vec![1]));
    }

    #[test]
    fn a_class_that_only_one_file_exposes_varies_from_then_on() {
        let merged =
            classes(&["phone", "email"], &["photo"]).merge(&classes(&["phone", "kk"], &["email"])).unwrap();
        assert_eq!(merged.classes, classes(&["phone"], &["photo", "email", "kk"]));
        assert_eq!(merged.old_label, 0b010, "everyone from before has their e-mail exposed");
        assert_eq!(merged.new_label, 0b100, "everyone new has their family card exposed");
        assert_eq!(merged.new_bits, [0b010]);
    }

    #[test]
    fn a_label_has_32_bits() {
        let many: Vec<String> = (0..33).map(|i| format!("class_{i}")).collect();
        let new = Classes { exposes: vec![], varies: many };
        assert_eq!(Classes::default().merge(&new), None);
    }

    #[test]
    fn known_classes_are_in_order_so_that_a_list_of_them_reads_well() {
        assert!(KNOWN.is_sorted());
    }
}
