// A client around IBM/sarama: BOOTSTRAP is the last word, the version of Kafka that it assumes the one before.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"chronik/clients/steer"

	"github.com/IBM/sarama"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

type client struct {
	sarama.Client
	admin   sarama.ClusterAdmin
	members map[string]*member
}

func main() {
	sarama.Logger = log.New(os.Stderr, "", log.Lmicroseconds)
	connected, err := connect("sarama")
	if err != nil {
		log.Fatal(err)
	}
	admin, err := sarama.NewClusterAdminFromClient(connected)
	if err != nil {
		log.Fatal(err)
	}
	c := client{connected, admin, map[string]*member{}}
	commands := map[string]steer.Command{
		"create": c.create, "delete_topic": c.deleteTopic, "produce": c.produce, "consume": c.consume, "ends": c.ends,
		"offsets": c.offsets, "describe": c.describe, "groups": c.groups, "delete_group": c.deleteGroup, "join": c.join,
	}
	c.memberCommands(commands)
	steer.Run(commands)
}

func config(clientID string) *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = clientID
	config.Version = sarama.MaxVersion
	if os.Args[1] != "newest" {
		version, err := sarama.ParseKafkaVersion(os.Args[1])
		if err != nil {
			log.Fatal(err)
		}
		config.Version = version
	}
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Metadata.RefreshFrequency = time.Second
	return config
}

func connect(clientID string) (sarama.Client, error) {
	return sarama.NewClient(os.Args[2:], config(clientID))
}

func (c client) create(w steer.Words) (any, error) {
	return nil, c.admin.CreateTopic(w.Topic, &sarama.TopicDetail{NumPartitions: w.Partitions, ReplicationFactor: 1}, false)
}

func (c client) deleteTopic(w steer.Words) (any, error) {
	return nil, c.admin.DeleteTopic(w.Topic)
}

func (c client) produce(w steer.Words) (any, error) {
	settings := config("sarama")
	settings.Producer.Compression = codecs[w.Codec]
	settings.Producer.Idempotent = w.Idempotent
	if w.Idempotent {
		settings.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer(os.Args[2:], settings)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, record := range w.Records {
		messages = append(messages, toMessage(w, record))
	}
	if err := producer.SendMessages(messages); err != nil {
		return nil, err
	}
	var offsets []int64
	for _, message := range messages {
		offsets = append(offsets, message.Offset)
	}
	return offsets, nil
}

func toMessage(w steer.Words, record steer.Record) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{Topic: w.Topic, Partition: w.Partition, Timestamp: time.UnixMilli(record.Timestamp)}
	// Null is an encoder that is not there, not one of nothing.
	if record.Key != nil {
		message.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		message.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return message
}

func toRecord(message *sarama.ConsumerMessage) steer.Record {
	record := steer.Record{Key: message.Key, Value: message.Value, Timestamp: message.Timestamp.UnixMilli()}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, steer.Header{Name: string(header.Key), Value: header.Value})
	}
	return record
}

func (c client) consume(w steer.Words) (any, error) {
	consumer, err := sarama.NewConsumerFromClient(c)
	if err != nil {
		return nil, err
	}
	partition, err := consumer.ConsumePartition(w.Topic, w.Partition, w.Offset)
	if err != nil {
		return nil, err
	}
	var found []any
	for len(found) < w.Count {
		message := <-partition.Messages()
		found = append(found, []any{message.Offset, toRecord(message)})
	}
	return found, partition.Close()
}

func (c client) ends(w steer.Words) (any, error) {
	if err := c.RefreshMetadata(w.Topic); err != nil {
		return nil, err
	}
	partitions, err := c.Partitions(w.Topic)
	ends := map[int32]int64{}
	for _, partition := range partitions {
		if ends[partition], err = c.GetOffset(w.Topic, partition, sarama.OffsetNewest); err != nil {
			return nil, err
		}
	}
	return ends, err
}

func (c client) offsets(w steer.Words) (any, error) {
	answer, err := c.admin.ListConsumerGroupOffsets(w.Group, nil)
	if err != nil {
		return nil, err
	}
	found := map[int32]any{}
	for partition, block := range answer.Blocks[w.Topic] {
		found[partition] = []any{block.Offset, block.Metadata}
	}
	return found, nil
}

func (c client) describe(w steer.Words) (any, error) {
	found, err := c.admin.DescribeConsumerGroups([]string{w.Group})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 || found[0].Err != sarama.ErrNoError {
		return nil, fmt.Errorf("described as %v", found)
	}
	clients := []string{}
	for _, member := range found[0].Members {
		clients = append(clients, member.ClientId)
	}
	return map[string]any{"state": found[0].State, "protocol": found[0].Protocol, "clients": clients}, nil
}

func (c client) groups(steer.Words) (any, error) {
	found, err := c.admin.ListConsumerGroups()
	ids := []string{}
	for id := range found {
		ids = append(ids, id)
	}
	return ids, err
}

func (c client) deleteGroup(w steer.Words) (any, error) {
	return nil, c.admin.DeleteConsumerGroup(w.Group)
}
