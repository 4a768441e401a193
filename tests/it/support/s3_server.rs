//! An S3 server in this process: s3s over a directory, behind real HTTP and
//! real signatures. Every folder of the root is a bucket.
//!
//! What s3s-fs leaves to be wished is added here: a conditional put is one
//! step, a body that is refused does not stay, and a put creates no bucket.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use hyper_util::rt::{TokioExecutor, TokioIo};
use pgseal::config::schema::S3 as Settings;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};
use tokio::sync::oneshot;

pub const ACCESS_KEY: &str = "AKIATESTTESTTEST";
pub const SECRET_KEY: &str = "geheimgeheimgeheim";
pub const REGION: &str = "us-east-1";

/// A request of the S3 protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Put,
    Get,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// As S3 does it.
    Usual,
    /// None, ever.
    Never,
    /// Refused, where it is a put that could replace an object.
    OnlyNew,
}

/// Asked before every put and get, with the bucket's folder and the key.
pub type Hook = Arc<dyn Fn(Call, &Path, &str) -> Answer + Send + Sync>;

/// Serves until dropped.
pub struct S3Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Serves the folders of `root`; `buckets` are created in it.
    pub fn start(root: &Path, buckets: &[&str]) -> Self {
        Self::start_with(root, buckets, Arc::new(|_, _, _| Answer::Usual))
    }

    /// The same, with something that happens on every put and get.
    pub fn start_with(root: &Path, buckets: &[&str], hook: Hook) -> Self {
        for bucket in buckets {
            std::fs::create_dir_all(root.join(bucket)).unwrap();
        }
        let store = Atomic {
            root: root.to_owned(),
            files: s3s_fs::FileSystem::new(root).unwrap(),
            put: tokio::sync::Mutex::new(()),
            hook,
        };
        let mut builder = s3s::service::S3ServiceBuilder::new(store);
        builder.set_auth(s3s::auth::SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = oneshot::channel();
        // A thread with its own runtime: tests without one use it too.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let socket = tokio::select! {
                        _ = &mut stopped => return,
                        accepted = listener.accept() => accepted.unwrap().0,
                    };
                    let service = service.clone();
                    tokio::spawn(async move {
                        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                        // Clients that hang up are their own business.
                        let _ = server.serve_connection(TokioIo::new(socket), service).await;
                    });
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `repository.s3` for it.
    pub fn settings(&self) -> Settings {
        Settings {
            endpoint: Some(self.endpoint()),
            region: Some(REGION.into()),
            path_style: true,
            ..Settings::default()
        }
    }

    /// Everything that makes a bucket of it a child's repository, with a state of its own.
    pub fn repository(&self, bucket: &str, state: &Path) -> Vec<(&'static str, String)> {
        let mut all: Vec<_> = Self::env().into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        all.extend([
            ("PGSEAL_REPOSITORY_URL", format!("s3://{bucket}/pg")),
            ("PGSEAL_REPOSITORY_S3_ENDPOINT", self.endpoint()),
            ("PGSEAL_REPOSITORY_S3_PATH_STYLE", "true".to_owned()),
            ("PGSEAL_STATE_DIR", state.display().to_string()),
        ]);
        all
    }

    /// The credential as a child's environment.
    pub fn env() -> [(&'static str, &'static str); 3] {
        [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY), ("AWS_REGION", REGION)]
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the S3 server panicked");
        }
    }
}

struct Atomic {
    root: PathBuf,
    files: s3s_fs::FileSystem,
    put: tokio::sync::Mutex<()>,
    hook: Hook,
}

impl Atomic {
    async fn before(&self, call: Call, bucket: &str, key: &str) -> Answer {
        let answer = (self.hook)(call, &self.root.join(bucket), key);
        if answer == Answer::Never {
            std::future::pending::<()>().await;
        }
        answer
    }
}

#[async_trait::async_trait]
impl S3 for Atomic {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let answer = self.before(Call::Put, &req.input.bucket, &req.input.key).await;
        if answer == Answer::OnlyNew && req.input.if_none_match.is_none() {
            return Err(s3s::s3_error!(AccessDenied));
        }
        let _one = self.put.lock().await;
        let bucket = self.root.join(&req.input.bucket);
        if !bucket.is_dir() {
            return Err(s3s::s3_error!(NoSuchBucket));
        }
        // Keys of pgseal are plain relative paths; others are not for this server.
        let object = bucket.join(pgseal::store::Key::parse(&req.input.key).unwrap().as_str());
        let fresh = !object.exists();
        let result = self.files.put_object(req).await;
        if fresh && result.is_err() && object.exists() {
            std::fs::remove_file(object).unwrap();
        }
        result
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.before(Call::Get, &req.input.bucket, &req.input.key).await;
        self.files.get_object(req).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(req).await
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.files.delete_object(req).await
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(req).await
    }

    /// Objects of buckets called `copied` go to another one.
    async fn get_bucket_replication(
        &self,
        req: S3Request<GetBucketReplicationInput>,
    ) -> S3Result<S3Response<GetBucketReplicationOutput>> {
        if req.input.bucket != "copied" {
            return Err(s3s::s3_error!(NotImplemented));
        }
        let rule = |to: &str, status| ReplicationRule {
            delete_marker_replication: None,
            destination: Destination { bucket: format!("arn:aws:s3:::{to}"), ..Destination::default() },
            existing_object_replication: None,
            filter: None,
            id: None,
            prefix: None,
            priority: None,
            source_selection_criteria: None,
            status: ReplicationRuleStatus::from_static(status),
        };
        let rules =
            vec![rule("elsewhere", ReplicationRuleStatus::ENABLED), rule("nowhere", ReplicationRuleStatus::DISABLED)];
        let config = ReplicationConfiguration { role: "arn:aws:iam::1:role/copies".into(), rules };
        Ok(S3Response::new(GetBucketReplicationOutput { replication_configuration: Some(config) }))
    }

    /// Requests to buckets called `logged` are; those to buckets called `copied` are not.
    async fn get_bucket_logging(
        &self,
        req: S3Request<GetBucketLoggingInput>,
    ) -> S3Result<S3Response<GetBucketLoggingOutput>> {
        let logging_enabled = match req.input.bucket.as_str() {
            "logged" => Some(LoggingEnabled {
                target_bucket: "logs".into(),
                target_grants: None,
                target_object_key_format: None,
                target_prefix: "s3/".into(),
            }),
            "copied" => None,
            _ => return Err(s3s::s3_error!(NotImplemented)),
        };
        Ok(S3Response::new(GetBucketLoggingOutput { logging_enabled }))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(req).await
    }
}
