//! Time that passes, and a Valkey that forgets.

use super::world::World;

impl World {
    /// Lets the leases of some running jobs run out.
    pub(super) async fn expire(&mut self, which: u32) {
        let running: Vec<_> = self.look().await.jobs.into_values().filter(|hash| hash.state == "running").collect();
        for (place, hash) in running.iter().enumerate() {
            if which >> (place % 32) & 1 == 1 {
                let mut claim = redis::cmd("XCLAIM");
                claim.arg(format!("{{test}}:lane:{}", hash.lane)).arg("w").arg(&hash.worker).arg(0).arg(&hash.entry);
                claim.arg("IDLE").arg(1_000_000).arg("JUSTID");
                claim.exec_async(&mut self.raw).await.unwrap();
            }
        }
    }

    /// Keeps an image of the data.
    pub(super) async fn take_image(&mut self) {
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut self.raw).await.unwrap();
        let mut image = Vec::new();
        for key in keys {
            let value = redis::cmd("DUMP").arg(&key).query_async(&mut self.raw).await.unwrap();
            image.push((key, value));
        }
        self.image = Some(image);
    }

    /// Valkey wakes up with the last image, as after the end of its append-only file was lost.
    pub(super) async fn roll_back(&mut self) {
        let Some(image) = self.image.clone() else { return };
        self.lose_all().await;
        for (key, value) in image {
            redis::cmd("RESTORE").arg(key).arg(0).arg(value).exec_async(&mut self.raw).await.unwrap();
        }
        self.tally.count("rolled back");
    }

    /// Valkey loses everything.
    pub(super) async fn lose_all(&mut self) {
        redis::cmd("FLUSHALL").exec_async(&mut self.raw).await.unwrap();
        self.losses += 1;
        self.tally.count("lost everything");
    }

    /// Loss, repair, then an older image comes back (somebody restores a disk), repair again.
    pub(super) async fn dance(&mut self) {
        self.pump(false).await;
        self.take_image().await;
        self.lose_all().await;
        self.reconcile().await;
        self.pump(false).await;
        self.roll_back().await;
        self.reconcile().await;
        self.pump(false).await;
    }
}
