//! As nobody: requests without any signature. This is the one way to know what
//! strangers get, whatever the configuration says.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;

use super::Bucket;
use crate::store::s3_error::class;
use crate::store::{Key, StoreError};

/// What became of a stranger's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// It was refused: 401 or 403.
    Refused,
    /// It was served.
    Served,
    /// Neither: no evidence.
    Unclear(String),
}

impl Stranger {
    fn of<T, E>(sent: Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>) -> Self
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
    {
        match sent {
            Ok(_) => Self::Served,
            Err(e @ SdkError::ServiceError(_)) => match class(&e) {
                StoreError::Denied(_) => Self::Refused,
                other => Self::Unclear(other.to_string()),
            },
            Err(e) => Self::Unclear(class(&e).to_string()),
        }
    }
}

impl Bucket {
    /// A stranger reads the first byte of an object that exists.
    pub async fn stranger_reads(&self, key: &Key) -> Stranger {
        let sent = self.nobody.get_object().bucket(&self.name).key(self.full(key)).range("bytes=0-0").send().await;
        Stranger::of(sent)
    }

    /// A stranger lists what lies below our prefix.
    pub async fn stranger_lists(&self) -> Stranger {
        Stranger::of(self.nobody.list_objects_v2().bucket(&self.name).prefix(&self.prefix).max_keys(1).send().await)
    }

    /// A stranger stores a canary.
    pub async fn stranger_writes(&self, canary: &Key) -> Stranger {
        let put = self.nobody.put_object().bucket(&self.name).key(self.full(canary));
        Stranger::of(put.body(ByteStream::from_static(b"pgseal audit: a stranger could write this\n")).send().await)
    }
}
