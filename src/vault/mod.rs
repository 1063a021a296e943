//! Files and keys: everything that touches the disk.

pub mod attributes;
pub mod crypt;
pub mod declare;
pub mod dotenv;
pub mod edit;
pub mod etags;
pub mod export;
pub mod group;
pub mod identity;
pub mod journal;
pub mod key;
pub mod keyring;
pub mod layout;
pub mod lock;
pub mod log;
pub mod memory;
pub mod project;
pub mod read;
pub mod receipts;
pub mod recipients;
pub mod saved_plan;
pub mod scratch;
pub mod seal;
pub mod store;
pub mod tree;
pub mod write;
