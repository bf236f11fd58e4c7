//! A moment as PostgreSQL's `timestamptz`.

use model::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef},
};

/// PostgreSQL counts from 2000-01-01, in microseconds.
const EPOCH_MILLISECONDS: i64 = 946_684_800_000;

/// A [`Timestamp`] that goes into and comes out of a column of type `timestamptz`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("timestamptz")
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_timestamptz")
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let microseconds = self.0.0.checked_sub(EPOCH_MILLISECONDS).and_then(|since| since.checked_mul(1000));
        let microseconds = microseconds.ok_or("the moment is out of the range of timestamptz")?;
        Encode::<Postgres>::encode(microseconds, buffer)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() == PgValueFormat::Text {
            return Err("moments are read by prepared statements alone".into());
        }
        let microseconds: i64 = Decode::<Postgres>::decode(value)?;
        Ok(Self(Timestamp(microseconds.div_euclid(1000) + EPOCH_MILLISECONDS)))
    }
}
