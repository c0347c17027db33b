use std::net::{IpAddr, Ipv4Addr};

use tokio::task::JoinHandle;

use super::*;

const LIMITS: QueueLimits = QueueLimits {
    uploads: 1,
    // Enough for as many uploads as there may be.
    rate: Some(1_000_000_000),
    waiting_per_client: 3,
    waiting: 5,
    patience: Duration::from_secs(20),
    turn: Duration::from_secs(10),
};

fn client(last: u8) -> ClientNet {
    IpAddr::from(Ipv4Addr::new(127, 0, 0, last)).into()
}

type Served = Arc<Mutex<Vec<u8>>>;

/// Requests an upload that ends at once, and records the order in which clients are admitted.
fn ask(queue: &Arc<UploadQueue>, last: u8, served: &Served) -> JoinHandle<Result<(), NotAdmitted>> {
    let (queue, served) = (Arc::clone(queue), Arc::clone(served));
    tokio::spawn(async move {
        let _permit = queue.admit(client(last)).await?;
        served.lock().unwrap().push(last);
        Ok(())
    })
}

/// Requests an upload that never ends.
fn hold(queue: &Arc<UploadQueue>, last: u8) -> JoinHandle<UploadPermit> {
    let queue = Arc::clone(queue);
    tokio::spawn(async move { queue.admit(client(last)).await.ok().unwrap() })
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn clients_are_served_in_turn() {
    let (queue, served) = (UploadQueue::new(LIMITS, Arc::default()), Served::default());
    let first = queue.admit(client(9)).await.unwrap();
    let mut asked = Vec::new();
    for last in [1, 1, 1, 2, 3] {
        asked.push(ask(&queue, last, &served));
        settle().await;
    }
    assert_eq!(queue.load(), (1, 5));
    drop(first);
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(*served.lock().unwrap(), [1, 2, 3, 1, 1]);
    assert_eq!(queue.load(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_in_length_and_in_time() {
    let (queue, served) = (UploadQueue::new(LIMITS, Arc::default()), Served::default());
    let first = queue.admit(client(9)).await.unwrap();
    let waiting: Vec<_> = [1, 1, 1].into_iter().map(|last| ask(&queue, last, &served)).collect();
    settle().await;
    assert_eq!(queue.admit(client(1)).await.err(), Some(NotAdmitted), "of one client");
    let others: Vec<_> = [2, 3].into_iter().map(|last| ask(&queue, last, &served)).collect();
    settle().await;
    assert_eq!(queue.load(), (1, 5));
    let newcomer = ask(&queue, 4, &served);
    settle().await;
    assert_eq!(queue.load(), (1, 5), "the client with most requests has made room");
    let mut admitted = 0;
    for asked in waiting.into_iter().chain(others).chain([newcomer]) {
        admitted += usize::from(asked.await.unwrap().is_ok());
    }
    assert_eq!(admitted, 0, "all have waited too long");
    assert_eq!(queue.load(), (1, 0));
    drop(first);
    assert_eq!(queue.load(), (0, 0));
    assert!(queue.admit(client(1)).await.is_ok());
}

#[tokio::test]
async fn a_client_that_disconnects_loses_its_place() {
    let (queue, served) = (UploadQueue::new(LIMITS, Arc::default()), Served::default());
    let first = queue.admit(client(9)).await.unwrap();
    let leaves = ask(&queue, 1, &served);
    settle().await;
    let stays = ask(&queue, 2, &served);
    settle().await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    assert_eq!(queue.load(), (1, 1));
    drop(first);
    stays.await.unwrap().unwrap();
    assert_eq!(*served.lock().unwrap(), [2]);
    assert_eq!(queue.load(), (0, 0));
}

#[tokio::test]
async fn one_slot_is_kept_for_a_client_without_an_upload() {
    let queue = UploadQueue::new(QueueLimits { uploads: 4, ..LIMITS }, Arc::default());
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(queue.admit(client(1)).await.unwrap());
    }
    let fourth = hold(&queue, 1);
    settle().await;
    assert_eq!(queue.load(), (3, 1));
    held.push(queue.admit(client(2)).await.unwrap());
    assert_eq!(queue.load(), (4, 1), "the newcomer is served at once");
    held.remove(0);
    settle().await;
    assert_eq!(queue.load(), (3, 1), "the slot is kept again");
    held.clear();
    assert!(!fourth.await.unwrap().is_revoked());
}

#[tokio::test]
async fn the_client_with_the_fewest_uploads_is_next() {
    let (queue, served) = (UploadQueue::new(QueueLimits { uploads: 3, ..LIMITS }, Arc::default()), Served::default());
    let mut held = Vec::new();
    for last in [1, 1, 2] {
        held.push(queue.admit(client(last)).await.unwrap());
    }
    let mut asked = Vec::new();
    for last in [1, 2, 3] {
        asked.push(ask(&queue, last, &served));
        settle().await;
    }
    drop(held.pop());
    settle().await;
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    // When the slot of client 2 is free, clients 2 and 3 have none, and client 3 was never served.
    assert_eq!(*served.lock().unwrap(), [3, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_had_its_turn_gives_way_and_continues_later() {
    let queue = UploadQueue::new(QueueLimits { uploads: 2, ..LIMITS }, Arc::default());
    let mut held = [queue.admit(client(1)).await.unwrap(), queue.admit(client(1)).await.unwrap()];
    let newcomer = hold(&queue, 2);
    settle().await;
    queue.rechoose();
    assert!(held.iter().all(|permit| !permit.is_revoked()), "their turn is not over");
    tokio::time::advance(LIMITS.turn).await;
    queue.rechoose();
    let newcomer = newcomer.await.unwrap();
    assert_eq!(held.iter().filter(|permit| permit.is_revoked()).count(), 1);
    queue.rechoose();
    assert_eq!(queue.load(), (2, 0), "nobody waits, so nobody gives way");
    held.sort_by_key(|permit| !permit.is_revoked());
    let [revoked, other] = held;
    drop(revoked);
    assert_eq!(queue.load(), (2, 0), "its slot was passed on before");
    let again = hold(&queue, 1);
    settle().await;
    assert_eq!(queue.load(), (2, 1));
    tokio::time::advance(LIMITS.turn).await;
    queue.rechoose();
    assert!(!other.is_revoked() && !newcomer.is_revoked(), "a client does not displace its own upload or an equal one");
    drop(newcomer);
    assert!(!again.await.unwrap().is_revoked());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_read_too_slowly_is_served_last_for_a_while() {
    let (queue, served) = (UploadQueue::new(LIMITS, Arc::default()), Served::default());
    let first = queue.admit(client(9)).await.unwrap();
    queue.note_slow(client(1));
    let mut asked = Vec::new();
    for last in [1, 2] {
        asked.push(ask(&queue, last, &served));
        settle().await;
    }
    assert!(queue.is_wanted_by_others(client(1)) && queue.is_wanted_by_others(client(9)));
    drop(first);
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(*served.lock().unwrap(), [2, 1]);
    assert!(!queue.is_wanted_by_others(client(1)));
}

#[tokio::test]
async fn whoever_only_takes_is_served_while_nobody_else_is() {
    let exchange = Arc::new(Exchange::default());
    exchange.took(client(1), 100_000_000);
    exchange.gave(IpAddr::from(Ipv4Addr::new(127, 0, 0, 9)), 100_000_000);
    let queue = UploadQueue::new(QueueLimits { uploads: 3, ..LIMITS }, Arc::clone(&exchange));
    let alone = queue.admit(client(1)).await.unwrap();
    let other = queue.admit(client(2)).await.unwrap();
    let taker = hold(&queue, 1);
    settle().await;
    assert_eq!(queue.load(), (2, 1), "a slot is free, and not for it");
    drop(queue.admit(client(3)).await.unwrap());
    assert_eq!(queue.load(), (2, 1));
    drop(other);
    let taker = taker.await.unwrap();
    drop((taker, alone));
    // Four slots were given; three more, and the eighth is given without regard to that.
    let other = queue.admit(client(2)).await.unwrap();
    let waits = hold(&queue, 1);
    settle().await;
    for expected in [(1, 1), (1, 1), (2, 0)] {
        assert_eq!(queue.load(), (expected.0, expected.1), "{expected:?}");
        if expected.1 > 0 {
            drop(queue.admit(client(3)).await.unwrap());
            settle().await;
        }
    }
    drop((other, waits.await.unwrap()));
    assert_eq!(queue.load(), (0, 0));
}
