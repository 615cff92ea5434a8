//! `ShareGroupDescribeResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 1 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShareGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

impl Wire for ShareGroupDescribeResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.groups = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.groups)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ShareGroupDescribeResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub assignor_name: Str,
    pub members: Vec<Member>,
    pub authorized_operations: i32,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Str::default(),
            group_state: Str::default(),
            group_epoch: 0,
            assignment_epoch: 0,
            assignor_name: Str::default(),
            members: Vec::new(),
            authorized_operations: -2147483648,
        }
    }
}

impl Wire for DescribedGroup {
    const MIN_WIRE: usize = 20;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.group_id = d.read()?;
        m.group_state = d.read()?;
        m.group_epoch = d.read()?;
        m.assignment_epoch = d.read()?;
        m.assignor_name = d.read()?;
        m.members = d.read()?;
        m.authorized_operations = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.group_id)?;
        e.write(&self.group_state)?;
        e.write(&self.group_epoch)?;
        e.write(&self.assignment_epoch)?;
        e.write(&self.assignor_name)?;
        e.write(&self.members)?;
        e.write(&self.authorized_operations)?;
        e.no_tags(true);
        Ok(())
    }
}

impl DescribedGroup {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`ShareGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    pub member_id: Str,
    pub rack_id: Option<Str>,
    pub member_epoch: i32,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub assignment: Assignment,
}

impl Wire for Member {
    const MIN_WIRE: usize = 12;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.member_id = d.read()?;
        m.rack_id = d.read()?;
        m.member_epoch = d.read()?;
        m.client_id = d.read()?;
        m.client_host = d.read()?;
        m.subscribed_topic_names = d.read()?;
        m.assignment = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.member_id)?;
        e.write(&self.rack_id)?;
        e.write(&self.member_epoch)?;
        e.write(&self.client_id)?;
        e.write(&self.client_host)?;
        e.write(&self.subscribed_topic_names)?;
        e.write(&self.assignment)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ShareGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub partitions: Vec<i32>,
}

impl Wire for TopicPartitions {
    const MIN_WIRE: usize = 19;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_id = d.read()?;
        m.topic_name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_id)?;
        e.write(&self.topic_name)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ShareGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
}

impl Wire for Assignment {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for ShareGroupDescribeResponse {
    const NAME: &'static str = "ShareGroupDescribeResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for ShareGroupDescribeResponse {
    const KEY: ApiKey = ApiKey::ShareGroupDescribe;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.groups {
            part.visit_errors(visit);
        }
    }
}
