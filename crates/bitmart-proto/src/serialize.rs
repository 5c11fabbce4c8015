//! `serde::Serialize` for structs of public fields, without the weight of its derive macro.

macro_rules! serialize_fields {
    ($name:ident { $( $field:ident ),+ $(,)? }) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                const FIELDS: usize = [$( stringify!($field) ),+].len();
                let mut fields = serializer.serialize_struct(stringify!($name), FIELDS)?;
                $( fields.serialize_field(stringify!($field), &self.$field)?; )+
                fields.end()
            }
        }
    };
}

pub(crate) use serialize_fields;
