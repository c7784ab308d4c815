//! Files that are whole or absent.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{
    clock::SystemClock,
    gateways::{BlobError, BlobKey, BlobStore},
    ids::{IdGen, RandomIds, TenantId},
};
use futures::{StreamExt, TryStreamExt, stream};
use infra_providers::ObjectBlobStore;

fn key(tenant: TenantId) -> BlobKey {
    BlobKey::new(tenant, RandomIds.random())
}

fn tenant() -> TenantId {
    TenantId(RandomIds.random())
}

async fn open(root: &Path) -> ObjectBlobStore {
    ObjectBlobStore::open(root, Arc::new(SystemClock)).await.unwrap()
}

async fn put(store: &ObjectBlobStore, key: &BlobKey, pieces: Vec<Vec<u8>>) -> Result<u64, BlobError> {
    store.put(key, stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece)))).boxed()).await
}

async fn get(store: &ObjectBlobStore, key: &BlobKey) -> Vec<u8> {
    store.get(key).await.unwrap().map_ok(|bytes| bytes.to_vec()).try_concat().await.unwrap()
}

/// All files beneath a folder.
fn files(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for folder in fs::read_dir(root).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        let inside = fs::read_dir(folder.path()).unwrap();
        names.extend(inside.map(|file| file.unwrap().file_name().into_string().unwrap()));
    }
    names
}

#[tokio::test]
async fn files_come_back_as_they_were_and_go() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("deep/blobs")).await;
    let tenant = tenant();
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    for pieces in [vec![], vec![vec![]], content.chunks(70_001).map(<[u8]>::to_vec).collect(), vec![content.clone()]] {
        let (key, expected) = (key(tenant), pieces.concat());
        assert_eq!(put(&store, &key, pieces).await.unwrap(), expected.len() as u64);
        assert!(get(&store, &key).await == expected);
        store.remove(&key).await.unwrap();
        store.remove(&key).await.unwrap();
        assert!(matches!(store.get(&key).await, Err(BlobError::NotFound)));
    }
}

#[tokio::test]
async fn a_stream_that_fails_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).await;
    let key = key(tenant());
    let broken =
        stream::iter([Ok(Bytes::from(vec![7; 2_000_000])), Err(BlobError::Source(io::Error::other("gone").into()))]);
    assert!(matches!(store.put(&key, broken.boxed()).await, Err(BlobError::Source(_))));
    assert!(matches!(store.get(&key).await, Err(BlobError::NotFound)));
    assert_eq!(files(root.path()), [""; 0]);
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).await;
    let endless = stream::iter([Ok(Bytes::from(vec![7; 2_000_000]))]).chain(stream::pending()).boxed();
    let upload = tokio::time::timeout(Duration::from_millis(200), store.put(&key(tenant()), endless)).await;
    assert!(upload.is_err());
    for _ in 0..100 {
        if files(root.path()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("left behind: {:?}", files(root.path()));
}

#[tokio::test]
async fn a_file_cannot_be_seen_before_it_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(open(root.path()).await);
    let tenant = tenant();
    let key = key(tenant);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, BlobError>>(1);
    let pieces = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let writing = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.put(&key, pieces.boxed()).await }
    });
    for _ in 0..3 {
        sender.send(Ok(Bytes::from(vec![1; 1_500_000]))).await.unwrap();
    }
    assert!(matches!(store.get(&key).await, Err(BlobError::NotFound)));
    assert!(store.list(tenant).await.unwrap().is_empty());
    drop(sender);
    assert_eq!(writing.await.unwrap().unwrap(), 4_500_000);
    assert_eq!(get(&store, &key).await.len(), 4_500_000);
}

#[tokio::test]
async fn a_list_names_the_files_of_one_tenant() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).await;
    let (one, other) = (tenant(), tenant());
    assert!(store.list(one).await.unwrap().is_empty());
    let (first, foreign) = (key(one), key(other));
    put(&store, &first, vec![vec![1]]).await.unwrap();
    put(&store, &foreign, vec![vec![2]]).await.unwrap();
    let listed = store.list(one).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].0, first);
    assert!(listed[0].1 < 60);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("blobs");
    let store = open(&folder).await;
    let key = key(tenant());
    put(&store, &key, vec![vec![1]]).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = folder.join(key.as_str());
    assert_eq!((mode(&folder), mode(file.parent().unwrap()), mode(&file)), (0o700, 0o700, 0o600));
}

#[tokio::test]
async fn orphans_of_a_crash_are_removed_at_the_start() {
    let root = tempfile::tempdir().unwrap();
    let tenant = tenant();
    let whole = key(tenant);
    put(&open(root.path()).await, &whole, vec![vec![1]]).await.unwrap();
    let orphan = |age: u64| {
        let path = root.path().join(format!("{}#1", key(tenant)));
        let file = fs::File::create(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(age)).unwrap();
        path
    };
    let old = orphan(1_000_000_000);
    let young = orphan(99_000_000_000);
    let store = open(root.path()).await;
    assert!(!old.exists(), "cut off long ago");
    assert!(young.exists(), "may be written this moment by another process");
    assert_eq!(get(&store, &whole).await, [1]);
    assert_eq!(store.list(tenant).await.unwrap().len(), 1);
}

/// Set in the process that has a small disk of its own.
const SMALL_DISK: &str = "BANYAN_TEST_SMALL_DISK";

#[cfg(target_os = "linux")]
#[tokio::test]
async fn f28_a_full_disk_is_told_and_leaves_nothing() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        return fill(Path::new(&disk)).await;
    }
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" || exit 77; \
        exec \"$0\" --exact blobs::f28_a_full_disk_is_told_and_leaves_nothing --nocapture";
    let ended = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(disk.path())
        .env(SMALL_DISK, disk.path())
        .status();
    match ended {
        Ok(status) if status.success() => {}
        Ok(status) if !matches!(status.code(), Some(1 | 77)) => {
            panic!("the process on the small disk failed: {status}")
        }
        // `unshare` ends with 1 where the machine does not allow it, the script with 77.
        _ => eprintln!("skipped: this machine does not let a test mount a small disk"),
    }
}

/// Fills a disk of 4 MiB.
#[cfg(target_os = "linux")]
async fn fill(disk: &Path) {
    let store = open(&disk.join("blobs")).await;
    let tenant = tenant();
    let (small, large) = (key(tenant), key(tenant));
    put(&store, &small, vec![vec![1; 1_000_000]]).await.unwrap();
    let error = put(&store, &large, vec![vec![2; 1_000_000]; 8]).await.unwrap_err();
    assert!(matches!(error, BlobError::Full(_)), "{error:?}");
    assert!(matches!(store.get(&large).await, Err(BlobError::NotFound)));
    assert_eq!(files(&disk.join("blobs")).len(), 1, "nothing is left of the file that did not fit");
    assert_eq!(get(&store, &small).await.len(), 1_000_000);
    put(&store, &large, vec![vec![2; 1_000_000]]).await.unwrap();
}
