//! Values as bytes, such that no two sequences of values give the same bytes: each says what it is and how long it is.

use crate::image::Hasher;

/// Where the bytes go.
pub trait Sink {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Hasher {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Values on their way to a sink.
#[derive(Debug, Default)]
pub struct Encoding<S>(S);

impl<S: Sink> Encoding<S> {
    /// Into this sink.
    pub fn into(sink: S) -> Self {
        Self(sink)
    }

    /// Some bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(b'b', value.len() as u64);
        self.0.take(value);
        self
    }

    /// A text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// A number.
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.head(b'n', value)
    }

    /// A number that may be below zero.
    pub fn signed(&mut self, value: i64) -> &mut Self {
        self.head(b'i', value.cast_unsigned())
    }

    /// Nothing, where there could be a value.
    pub fn none(&mut self) -> &mut Self {
        self.head(b'-', 0)
    }

    /// So many items follow, each of them the same number of values.
    pub fn items(&mut self, count: usize) -> &mut Self {
        self.head(b'l', count as u64)
    }

    /// A value that may be missing.
    pub fn maybe<T>(&mut self, value: Option<T>, encode: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            Some(value) => {
                self.head(b'+', 0);
                encode(self, value);
                self
            }
            None => self.none(),
        }
    }

    /// The sink, with all that came.
    pub fn end(self) -> S {
        self.0
    }

    fn head(&mut self, kind: u8, number: u64) -> &mut Self {
        let mut head = [kind; 9];
        head[1..].copy_from_slice(&number.to_be_bytes());
        self.0.take(&head);
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Value {
        Bytes(Vec<u8>),
        Number(u64),
        Signed(i64),
        None,
        Items(usize),
        Some(Vec<u8>),
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            proptest::collection::vec(prop_oneof![Just(b'b'), Just(b'n'), Just(0), Just(1), any::<u8>()], 0..12)
                .prop_map(Value::Bytes),
            (0_u64..3).prop_map(Value::Number),
            (-2_i64..3).prop_map(Value::Signed),
            Just(Value::None),
            (0_usize..3).prop_map(Value::Items),
            proptest::collection::vec(any::<u8>(), 0..3).prop_map(Value::Some),
        ]
    }

    fn encoded(values: &[Value]) -> Vec<u8> {
        let mut encoding = Encoding::into(Vec::new());
        for value in values {
            match value {
                Value::Bytes(bytes) => encoding.bytes(bytes),
                Value::Number(number) => encoding.number(*number),
                Value::Signed(number) => encoding.signed(*number),
                Value::None => encoding.none(),
                Value::Items(count) => encoding.items(*count),
                Value::Some(bytes) => encoding.maybe(Some(bytes), |encoding, bytes| {
                    encoding.bytes(bytes);
                }),
            };
        }
        encoding.end()
    }

    proptest! {
        #[test]
        fn no_two_sequences_give_the_same_bytes(
            one in proptest::collection::vec(value(), 0..4),
            other in proptest::collection::vec(value(), 0..4),
        ) {
            // `maybe` writes two values, of which the second could stand alone.
            let flat = |values: &[Value]| values.iter().flat_map(|value| match value {
                Value::Some(bytes) => vec!["+".to_owned(), format!("{:?}", Value::Bytes(bytes.clone()))],
                value => vec![format!("{value:?}")],
            }).collect::<Vec<_>>();
            prop_assert_eq!(encoded(&one) == encoded(&other), flat(&one) == flat(&other));
        }

        #[test]
        fn bytes_end_where_they_end(one in any::<Vec<u8>>(), other in any::<Vec<u8>>(), at in any::<prop::sample::Index>()) {
            let all = [one.clone(), other.clone()].concat();
            let (front, back) = all.split_at(at.index(all.len() + 1));
            let split = encoded(&[Value::Bytes(front.to_vec()), Value::Bytes(back.to_vec())]);
            let given = encoded(&[Value::Bytes(one.clone()), Value::Bytes(other)]);
            prop_assert_eq!(split == given, front == one.as_slice());
        }
    }
}
