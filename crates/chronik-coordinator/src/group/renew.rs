//! A member that is there already, told of by the log once more.
//!
//! While a log is read the last record of a member wins. When a record comes back that was just
//! appended it says what the member is, and the member keeps what only it knows: the protocols
//! that were not chosen, its session, its requests that wait.

use bytes::Bytes;
use chronik_protocol::Str;
use chronik_protocol::generated::group_metadata_value::MemberMetadata;

use super::{Group, release};
use crate::member::timeouts;
use crate::request::Protocol;

impl Group {
    /// Takes over what the log says of a member. The caller charges what it holds then.
    pub(super) fn renew(&mut self, record: &MemberMetadata) {
        self.renew_protocols(record);
        self.renew_instance(record);
        let Some(member) = self.members.get_mut(&record.member_id) else {
            return;
        };
        if member.assignment != record.assignment {
            member.assignment = Bytes::copy_from_slice(&record.assignment);
        }
        (member.session_timeout, member.rebalance_timeout) = timeouts(record);
        if member.client.id != record.client_id {
            member.client.id = record.client_id.detached();
        }
        if member.client.host != record.client_host {
            member.client.host = record.client_host.detached();
        }
    }

    /// A subscription that the member does not have is newer than all that is known of it.
    fn renew_protocols(&mut self, record: &MemberMetadata) {
        let Some(chosen) = &self.protocol else { return };
        let Some(member) = self.members.get_mut(&record.member_id) else {
            return;
        };
        let mut known = member.protocols.iter();
        if known.any(|p| p.name == *chosen && p.metadata == record.subscription) {
            return;
        }
        for protocol in &member.protocols {
            release(&mut self.supported, &protocol.name);
        }
        member.protocols = vec![Protocol {
            name: chosen.clone(),
            metadata: Bytes::copy_from_slice(&record.subscription),
        }];
        *self.supported.entry(chosen.clone()).or_default() += 1;
    }

    fn renew_instance(&mut self, record: &MemberMetadata) {
        let Some(member) = self.members.get_mut(&record.member_id) else {
            return;
        };
        if member.instance == record.group_instance_id {
            return;
        }
        if let Some(before) = &member.instance
            && self.statics.get(before) == Some(&member.id)
        {
            self.statics.remove(before);
        }
        member.instance = record.group_instance_id.as_ref().map(Str::detached);
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), member.id.clone());
        }
    }
}
