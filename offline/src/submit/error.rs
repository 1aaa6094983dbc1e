//! Why there is no script.

/// What can't be submitted as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// More tasks than a Slurm array may have.
    #[error(
        "{step}: {shards} shards at {per_task} a task are {tasks} tasks, a Slurm array has at most {most}; give \
         --shards-per-task {enough} or more"
    )]
    Tasks {
        /// The subcommand.
        step: String,
        /// Shards in all.
        shards: u32,
        /// Shards a task as asked for.
        per_task: u32,
        /// Tasks that follow.
        tasks: u32,
        /// Tasks that are allowed.
        most: u32,
        /// Shards a task that would do.
        enough: u32,
    },
    /// More shards than an Indexed Job takes with retries counted by index.
    #[error("{step}: {shards} shards, an Indexed Job has at most {most}; plan with fewer (`plan --shards`)")]
    Indexes {
        /// The subcommand.
        step: String,
        /// Shards in all.
        shards: u32,
        /// Indexes that are allowed.
        most: u32,
    },
    /// No name of an object in Kubernetes.
    #[error("`{name}` is no name of a {what}: {rule}")]
    Name {
        /// What was given.
        name: String,
        /// What it should name.
        what: &'static str,
        /// What Kubernetes wants.
        rule: String,
    },
    /// A folder that a pod takes with it when it ends.
    #[error(
        "{step}: {flag} {path} is relative, and pods begin in a folder of their image that ends with them; mount a volume \
         (--mount CLAIM:/PATH) and give the path below it, or an object store's URL"
    )]
    Relative {
        /// The subcommand.
        step: String,
        /// The argument.
        flag: &'static str,
        /// Its value.
        path: String,
    },
    /// A manifest is UTF-8.
    #[error("the argument {argument} is not UTF-8, which a manifest can't hold; mount it under another path")]
    NotUtf8 {
        /// As far as it is readable.
        argument: String,
    },
    /// It would be printed.
    #[error(
        "{step}: an address has a password in it, which would be printed; put credentials into the environment \
         (AWS_ACCESS_KEY_ID and so on)"
    )]
    Password {
        /// The subcommand.
        step: String,
    },
}
