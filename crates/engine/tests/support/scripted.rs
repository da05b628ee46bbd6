//! A connection to a scripted host.

use super::*;

pub(super) struct Scripted {
    pub(super) world: World,
    pub(super) host: String,
    pub(super) greeting: Greeting,
    pub(super) breaks_at: Option<Instant>,
}

impl Scripted {
    /// Whether the host still takes what has this number.
    fn allowed(&self, fence: u64) -> Result<(), JobError> {
        let by = self.world.with(&self.host, |host| host.fence);
        match fence == 0 || fence == by {
            true => Ok(()),
            false => Err(JobError::Request(RequestError::Fenced { by })),
        }
    }

    /// A process that is marked stays for a while, and whoever comes to the same machine sees it.
    async fn marked(
        &self,
        mark: String,
        looking: bool,
        output: &mut dyn OutputSink,
    ) -> Result<ProbeEnd, ProbeError> {
        let seen = self.world.with(&self.host, |host| {
            let seen = host.marks.contains(&mark);
            if !looking {
                host.marks.push(mark);
            }
            seen
        });
        if !looking {
            output.output(b"77.").map_err(ProbeError::Output)?;
            sleep(Duration::from_secs(10)).await;
        }
        Ok(ProbeEnd {
            status: i32::from(!seen),
            result: String::new(),
            boot: self.boot_identity().await?,
            took: None,
        })
    }

    /// Waits until the connection is gone.
    async fn gone(&self) -> LostError {
        let down = async {
            loop {
                let down = self
                    .world
                    .with(&self.host, |script| script.down_until.is_some());
                if down {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let breaks = async {
            match self.breaks_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { () = down => {}, () = breaks => {} }
        LostError {
            reason: "scripted".into(),
        }
    }
}

#[async_trait]
impl HostJobs for Scripted {
    async fn job(&self, call: JobCall<'_>, watch: &mut dyn JobWatch) -> Result<JobEnd, JobError> {
        self.allowed(call.fence)?;
        if let Some(error) = self
            .world
            .with(&self.host, |host| host.job_errors.pop_front())
        {
            return Err(error);
        }
        let id = call.id.clone();
        let stage = id.as_str().split('.').nth(1).unwrap_or_default().to_owned();
        let started = self.world.with(&self.host, |host| {
            if let Some(running) = host.running.get(&id) {
                return Some(running.clone());
            }
            call.start.as_ref()?;
            let job = host.jobs.get_mut(&stage)?.pop_front()?;
            let given = call.start.iter().flat_map(|start| {
                let shared = start.script.shared.iter();
                let shared = shared.map(|(name, text)| (name.clone(), text.to_string()));
                start.script.env.clone().into_iter().chain(shared)
            });
            host.environments.insert(stage.clone(), given.collect());
            host.running
                .insert(id.clone(), (Instant::now(), job.clone()));
            Some((Instant::now(), job))
        });
        let Some((began, job)) = started else {
            if call.start.is_none() {
                return Err(JobError::Absent);
            }
            self.world.unexpected(format!("job {id} on {}", self.host));
            return Err(JobError::Request(RequestError::Protocol(
                "unexpected".into(),
            )));
        };
        watch.accepted();
        // Half of its output comes at once.
        let output = job.output.as_bytes();
        let told = match job.drips {
            true => (call.offset as usize + 1).min(output.len()),
            false => (output.len() / 2).max(call.offset as usize),
        };
        watch
            .output(&output[call.offset as usize..told])
            .map_err(JobError::Output)?;
        let over = async {
            let ends = sleep_until(began + job.takes);
            let cancelled = async {
                while !self
                    .world
                    .with(&self.host, |host| host.cancelled.contains(&id))
                {
                    sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                () = ends => job.state.clone(),
                () = cancelled => JobState::Cancelled,
            }
        };
        let state = tokio::select! {
            state = over => state,
            lost = self.gone() => return Err(JobError::Request(RequestError::Lost(lost))),
        };
        watch.output(&output[told..]).map_err(JobError::Output)?;
        Ok(JobEnd {
            state,
            size: output.len() as u64,
            result: job.result.clone(),
            took: Some(job.takes),
            left: job.left.len() as u32,
            left_names: job.left.clone(),
            full: false,
        })
    }

    async fn cancel_job(&self, id: &JobId, _: u64, _: Duration) -> Result<(), JobError> {
        self.world
            .with(&self.host, |host| host.cancelled.push(id.clone()));
        Ok(())
    }

    async fn collect_jobs(&self, run: &str, fence: u64) -> Result<(), JobError> {
        self.allowed(fence)?;
        self.world.with(&self.host, |host| {
            host.collected.push(run.to_owned());
            host.holder = None;
        });
        Ok(())
    }
}

#[async_trait]
impl HostFiles for Scripted {
    async fn put_all(
        &self,
        files: &[FileToPut],
        _: u64,
        done: &mut Vec<PutOutcome>,
    ) -> Result<Duration, PutError> {
        self.world
            .with(&self.host, |host| host.puts.extend_from_slice(files));
        done.extend(files.iter().map(|_| PutOutcome::Written));
        Ok(Duration::from_millis(10))
    }
}

#[async_trait]
impl HostHold for Scripted {
    async fn hold(&self, me: &HolderWords, seen: Option<&HolderWords>) -> Result<Hold, JobError> {
        if let Some(how) = self.world.with(&self.host, |host| host.disobeys.clone()) {
            return Err(JobError::Request(RequestError::Login(how)));
        }
        let me = self.world.words(me);
        self.world.lag(&self.host).await;
        let answer = self.world.with(&self.host, |host| {
            if let Some((jobs, until)) = &host.left_running
                && until.is_none_or(|until| Instant::now() < until)
            {
                return Hold::Jobs(jobs.clone());
            }
            let theirs = host.holder.as_ref();
            if let Some(other) = theirs
                && other.process == me.process
                && other.host != me.host
            {
                return Hold::Twice {
                    host: other.host.clone(),
                };
            }
            let same = |a: &HolderWords, b: &HolderWords| a.process == b.process;
            let is_free = theirs.is_none_or(|them| {
                same(them, &me)
                    || seen.is_some_and(|seen| same(them, seen) && them.beats == seen.beats)
            });
            match host.holder.clone() {
                Some(them) if !is_free => Hold::Busy {
                    them,
                    quiet_for: host.last_beat.map(|at| at.elapsed()),
                },
                _ => {
                    host.holder = Some(me);
                    host.last_beat = Some(Instant::now());
                    host.fence += 1;
                    Hold::Taken { fence: host.fence }
                }
            }
        });
        self.world.lag(&self.host).await;
        Ok(answer)
    }

    async fn beat(&self, me: &HolderWords, fence: u64) -> Result<(), JobError> {
        let me = self.world.words(me);
        self.world.lag(&self.host).await;
        self.allowed(fence)?;
        self.world.with(&self.host, |host| {
            if let Some(holder) = &mut host.holder {
                holder.beats += 1;
                holder.stance = me.stance;
                host.last_beat = Some(Instant::now());
            }
        });
        Ok(())
    }

    async fn release(&self, fence: u64) -> Result<(), JobError> {
        self.world.lag(&self.host).await;
        self.allowed(fence)?;
        self.world.with(&self.host, |host| host.holder = None);
        Ok(())
    }
}

#[async_trait]
impl Connection for Scripted {
    fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    async fn probe(
        &self,
        script: &Script,
        output: &mut dyn OutputSink,
    ) -> Result<ProbeEnd, ProbeError> {
        let given = |name| {
            let mut env = script.env.iter();
            env.find_map(|(given, value)| (given == name).then(|| value.clone()))
        };
        if let Some(mark) = given("PX_MARK") {
            return self
                .marked(mark, given("PX_MARKED").is_some(), output)
                .await;
        }
        let stage = script.env.iter().find(|(name, _)| name == "PX_STAGE");
        let stage = stage.map_or("", |(_, stage)| stage.as_str()).to_owned();
        let answer = self.world.with(&self.host, |host| {
            let answers = host.probes.entry(stage.clone()).or_default();
            // The last answer stays: a probe may ask again and again.
            if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().cloned()
            }
        });
        let Some((status, said, result)) = answer else {
            self.world
                .unexpected(format!("probe {stage:?} on {}", self.host));
            return Err(ProbeError::Request(RequestError::Protocol(
                "unexpected".into(),
            )));
        };
        output.output(said.as_bytes()).map_err(ProbeError::Output)?;
        let boot = self.boot_identity().await?;
        Ok(ProbeEnd {
            status,
            result,
            boot,
            took: None,
        })
    }

    async fn boot_identity(&self) -> Result<BootIdentity, RequestError> {
        if let Some(how) = self.world.with(&self.host, |host| host.disobeys.clone()) {
            return Err(RequestError::Login(how));
        }
        let boot = self.world.with(&self.host, |host| host.boot);
        Ok(BootIdentity(format!("boot-{boot}")))
    }

    async fn request_reboot(&self, _: u64) -> Result<(), RequestError> {
        self.world.reboot(&self.host);
        Ok(())
    }

    async fn lost(&self) -> LostError {
        self.gone().await
    }

    async fn close(&self) {}
}
