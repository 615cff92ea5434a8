//! A one-node cluster in memory for this crate's tests: a few APIs, and faults on demand.
//!
//! It keeps batches as they come, checks sequence numbers as strictly as a real one, and fails
//! where a test says so: before doing what was asked, or after it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use chronik_io::net;
use chronik_protocol::generated::api_versions_response::ApiVersion;
use chronik_protocol::generated::create_topics_response::CreatableTopicResult;
use chronik_protocol::generated::fetch_response::{FetchableTopicResponse, PartitionData};
use chronik_protocol::generated::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use chronik_protocol::generated::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use chronik_protocol::generated::produce_response::{
    PartitionProduceResponse, TopicProduceResponse,
};
use chronik_protocol::generated::{
    ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse,
    InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, ProduceResponse,
};
use chronik_protocol::{
    ApiKey, BatchHeader, Limits, Request, RequestFrame, Rope, decode_request_header,
    encode_response, rewrite_base_offset_and_epoch,
};
use chronik_types::{ErrorCode, Uuid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What goes wrong with the next request of an API.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    Nothing,
    /// It is refused with this code.
    Code(ErrorCode),
    /// The connection ends before anything is done.
    Lost,
    /// The connection ends after it was done.
    AnswerLost,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) faults: BTreeMap<ApiKey, VecDeque<Fault>>,
    /// Batches with their offsets, by topic and partition.
    pub(crate) logs: BTreeMap<String, Vec<Vec<Bytes>>>,
    pub(crate) connections: usize,
    pub(crate) requests: Vec<ApiKey>,
    next_producer_id: i64,
    sequences: BTreeMap<(i64, String, i32), Vec<Sequenced>>,
}

/// A batch of an idempotent producer: its first sequence number, its records, its offset.
type Sequenced = (i32, i32, i64);

/// The fake's address and state.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) addr: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Fake {
    pub(crate) async fn start(topics: &[(&str, usize)]) -> Self {
        let listener = net::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let mut state = State::default();
        for (topic, partitions) in topics {
            state
                .logs
                .insert((*topic).to_owned(), vec![Vec::new(); *partitions]);
        }
        let fake = Self {
            addr,
            state: Arc::new(Mutex::new(state)),
        };
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.lock().connections += 1;
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        fake
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fail(&self, api: ApiKey, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.entry(api).or_default().extend(faults);
    }

    /// The values in a partition, in order.
    pub(crate) fn values(&self, topic: &str, partition: usize) -> Vec<String> {
        let batches = self.lock().logs[topic][partition].clone();
        let records = batches
            .iter()
            .flat_map(|batch| chronik_protocol::RecordIter::new(batch, 1 << 20).unwrap());
        records
            .map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap())
            .collect()
    }

    async fn serve(self, mut stream: net::TcpStream) {
        while let Ok(size) = stream.read_i32().await {
            let mut frame = BytesMut::zeroed(usize::try_from(size).unwrap());
            if stream.read_exact(&mut frame).await.is_err() {
                return;
            }
            let frame = decode_request_header(&frame.freeze()).unwrap();
            let fault = {
                let mut state = self.lock();
                state.requests.push(frame.api_key);
                let faults = state.faults.get_mut(&frame.api_key);
                faults
                    .and_then(VecDeque::pop_front)
                    .unwrap_or(Fault::Nothing)
            };
            if fault == Fault::Lost {
                return;
            }
            let answer = self.answer(&frame, fault);
            if fault == Fault::AnswerLost {
                return;
            }
            if let Some(mut rope) = answer
                && stream.write_all_buf(&mut rope).await.is_err()
            {
                return;
            }
            if frame.api_key == ApiKey::Fetch {
                tokio::task::yield_now().await;
            }
        }
    }

    fn answer(&self, frame: &RequestFrame, fault: Fault) -> Option<Rope> {
        let code = match fault {
            Fault::Code(code) => code.code(),
            _ => 0,
        };
        let mut state = self.lock();
        let (id, version) = (frame.correlation_id, frame.version);
        let rope = match frame.api_key {
            ApiKey::ApiVersions => encode_response(id, version, &api_versions()),
            ApiKey::Metadata => {
                encode_response(id, version, &self.metadata(&state, &read(frame), code))
            }
            ApiKey::CreateTopics => {
                encode_response(id, version, &create(&mut state, &read(frame), code))
            }
            ApiKey::InitProducerId => {
                state.next_producer_id += 1;
                let response = InitProducerIdResponse {
                    error_code: code,
                    producer_id: state.next_producer_id,
                    ..InitProducerIdResponse::default()
                };
                encode_response(id, version, &response)
            }
            ApiKey::Produce => {
                let request: ProduceRequest = read(frame);
                let response = state.produce(&request, code);
                if request.acks == 0 {
                    return None;
                }
                encode_response(id, version, &response)
            }
            ApiKey::Fetch => encode_response(id, version, &state.fetch(&read(frame), code)),
            ApiKey::ListOffsets => {
                encode_response(id, version, &state.list_offsets(&read(frame), code))
            }
            other => panic!("the fake does not know {other}"),
        };
        Some(rope.unwrap())
    }

    fn metadata(&self, state: &State, request: &MetadataRequest, code: i16) -> MetadataResponse {
        let (host, port) = self.addr.rsplit_once(':').unwrap();
        let names: Vec<String> = match &request.topics {
            None => state.logs.keys().cloned().collect(),
            Some(topics) => topics
                .iter()
                .map(|topic| topic.name.as_ref().unwrap().to_string())
                .collect(),
        };
        let topic = |name: String| {
            let partitions = state.logs.get(&name).map(Vec::len);
            let missing = ErrorCode::UnknownTopicOrPartition.code();
            let partition = |index| MetadataResponsePartition {
                partition_index: i32::try_from(index).unwrap(),
                leader_id: 1,
                leader_epoch: 0,
                replica_nodes: vec![1],
                isr_nodes: vec![1],
                ..MetadataResponsePartition::default()
            };
            MetadataResponseTopic {
                error_code: partitions.map_or(missing, |_| code),
                topic_id: topic_id(&name),
                name: Some(name.into()),
                partitions: (0..partitions.unwrap_or(0)).map(partition).collect(),
                ..MetadataResponseTopic::default()
            }
        };
        MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 1,
                host: host.into(),
                port: port.parse().unwrap(),
                rack: None,
            }],
            cluster_id: Some("fake".into()),
            controller_id: 1,
            topics: names.into_iter().map(topic).collect(),
            ..MetadataResponse::default()
        }
    }
}

impl State {
    fn produce(&mut self, request: &ProduceRequest, code: i16) -> ProduceResponse {
        let mut response = ProduceResponse::default();
        for topic in &request.topic_data {
            let name = self.name_of(&topic.name, topic.topic_id);
            for data in &topic.partition_data {
                let batch = data.records.clone().unwrap();
                let result = match code {
                    0 => self.append(&name, data.index, &batch),
                    code => Err(code),
                };
                response.responses.push(TopicProduceResponse {
                    name: topic.name.clone(),
                    topic_id: topic.topic_id,
                    partition_responses: vec![PartitionProduceResponse {
                        index: data.index,
                        error_code: result.err().unwrap_or(0),
                        base_offset: result.unwrap_or(-1),
                        ..PartitionProduceResponse::default()
                    }],
                });
            }
        }
        response
    }

    /// Appends a batch, once.
    fn append(&mut self, topic: &str, partition: i32, batch: &Bytes) -> Result<i64, i16> {
        let header = BatchHeader::parse(batch).unwrap();
        let log = &mut self.logs.get_mut(topic).unwrap()[usize::try_from(partition).unwrap()];
        let offset = log
            .last()
            .map_or(0, |last| BatchHeader::parse(last).unwrap().next_offset());
        if header.has_producer() {
            let key = (header.producer_id, topic.to_owned(), partition);
            let known = self.sequences.entry(key).or_default();
            let repeated = known
                .iter()
                .find(|(first, count, _)| (*first, *count) == (header.base_sequence, header.count));
            if let Some((_, _, offset)) = repeated {
                return Ok(*offset);
            }
            let expected = known.last().map_or(0, |(first, count, _)| first + count);
            if header.base_sequence != expected {
                return Err(ErrorCode::OutOfOrderSequenceNumber.code());
            }
            known.push((header.base_sequence, header.count, offset));
        }
        let mut stored = BytesMut::from(&batch[..]);
        rewrite_base_offset_and_epoch(&mut stored, offset, 0);
        log.push(stored.freeze());
        Ok(offset)
    }

    fn fetch(&self, request: &FetchRequest, code: i16) -> FetchResponse {
        let mut response = FetchResponse::default();
        for topic in &request.topics {
            let name = self.name_of(&topic.topic, topic.topic_id);
            let partition = |asked: &chronik_protocol::generated::fetch_request::FetchPartition| {
                let log = &self.logs[&name][usize::try_from(asked.partition).unwrap()];
                let header = |batch: &Bytes| BatchHeader::parse(batch).unwrap();
                let end = log.last().map_or(0, |last| header(last).next_offset());
                let wanted = log
                    .iter()
                    .filter(|batch| header(batch).next_offset() > asked.fetch_offset);
                let records: Vec<u8> = wanted.flatten().copied().collect();
                let out = ErrorCode::OffsetOutOfRange.code();
                PartitionData {
                    partition_index: asked.partition,
                    error_code: if asked.fetch_offset > end { out } else { code },
                    high_watermark: end,
                    records: (code == 0).then(|| records.into()),
                    ..PartitionData::default()
                }
            };
            response.responses.push(FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions: topic.partitions.iter().map(partition).collect(),
            });
        }
        response
    }

    fn list_offsets(&self, request: &ListOffsetsRequest, code: i16) -> ListOffsetsResponse {
        let mut response = ListOffsetsResponse::default();
        for topic in &request.topics {
            let find = |index: i32, timestamp: i64| {
                let log = &self.logs[topic.name.as_str()][usize::try_from(index).unwrap()];
                let header = |batch: &Bytes| BatchHeader::parse(batch).unwrap();
                match timestamp {
                    -1 => log.last().map_or(0, |last| header(last).next_offset()),
                    -2 => 0,
                    time => log
                        .iter()
                        .map(header)
                        .find(|header| header.max_timestamp >= time)
                        .map_or(-1, |header| header.base_offset),
                }
            };
            let partitions = topic
                .partitions
                .iter()
                .map(|asked| ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    error_code: code,
                    offset: find(asked.partition_index, asked.timestamp),
                    ..ListOffsetsPartitionResponse::default()
                });
            response.topics.push(ListOffsetsTopicResponse {
                name: topic.name.clone(),
                partitions: partitions.collect(),
            });
        }
        response
    }

    fn name_of(&self, name: &str, id: Uuid) -> String {
        let found = self.logs.keys().find(|known| topic_id(known) == id);
        found.cloned().unwrap_or_else(|| name.to_owned())
    }
}

fn api_versions() -> ApiVersionsResponse {
    let api = |(key, min_version, max_version): (ApiKey, i16, i16)| ApiVersion {
        api_key: key.code(),
        min_version,
        max_version,
    };
    ApiVersionsResponse {
        api_keys: [
            (ApiKey::ApiVersions, 0, 4),
            (ApiKey::Metadata, 0, 13),
            (ApiKey::CreateTopics, 2, 7),
            (ApiKey::InitProducerId, 0, 5),
            (ApiKey::Produce, 3, 13),
            (ApiKey::Fetch, 4, 18),
            (ApiKey::ListOffsets, 1, 11),
        ]
        .map(api)
        .into(),
        ..ApiVersionsResponse::default()
    }
}

fn create(state: &mut State, request: &CreateTopicsRequest, code: i16) -> CreateTopicsResponse {
    let topic = &request.topics[0];
    if code == 0 {
        let partitions = usize::try_from(topic.num_partitions.max(1)).unwrap();
        state
            .logs
            .insert(topic.name.to_string(), vec![Vec::new(); partitions]);
    }
    CreateTopicsResponse {
        topics: vec![CreatableTopicResult {
            name: topic.name.clone(),
            topic_id: topic_id(&topic.name),
            error_code: code,
            error_message: None,
            num_partitions: topic.num_partitions,
            ..CreatableTopicResult::default()
        }],
        ..CreateTopicsResponse::default()
    }
}

/// An id made of the name.
fn topic_id(name: &str) -> Uuid {
    let mut bytes = [b'-'; 16];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    Uuid::from_bytes(bytes)
}

fn read<R: Request>(frame: &RequestFrame) -> R {
    frame.decode(Limits::default()).unwrap().0
}
