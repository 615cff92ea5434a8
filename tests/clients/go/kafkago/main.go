// A client around segmentio/kafka-go: BOOTSTRAP is the only word.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"chronik/clients/steer"

	"github.com/segmentio/kafka-go"
)

var codecs = map[string]kafka.Compression{
	"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

type client struct {
	*kafka.Client
	members map[string]*member
}

func main() {
	c := client{&kafka.Client{Addr: kafka.TCP(os.Args[1]), Timeout: 20 * time.Second}, map[string]*member{}}
	commands := map[string]steer.Command{
		"create": c.create, "delete_topic": c.deleteTopic, "produce": c.produce, "consume": c.consume, "ends": c.ends,
		"offsets": c.offsets, "describe": c.describe, "groups": c.groups, "delete_group": c.deleteGroup, "join": c.join,
	}
	c.memberCommands(commands)
	steer.Run(commands)
}

func (c client) create(w steer.Words) (any, error) {
	topic := kafka.TopicConfig{Topic: w.Topic, NumPartitions: int(w.Partitions), ReplicationFactor: 1}
	answer, err := c.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[w.Topic]
}

func (c client) deleteTopic(w steer.Words) (any, error) {
	answer, err := c.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{w.Topic}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[w.Topic]
}

func (c client) produce(w steer.Words) (any, error) {
	offsets := []int64{}
	writer := &kafka.Writer{
		Addr: c.Addr, Topic: w.Topic, RequiredAcks: kafka.RequireAll, Compression: codecs[w.Codec],
		BatchSize: len(w.Records), BatchTimeout: 10 * time.Millisecond,
		Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return int(w.Partition) }),
		Completion: func(messages []kafka.Message, _ error) {
			for _, message := range messages {
				offsets = append(offsets, message.Offset)
			}
		},
	}
	var messages []kafka.Message
	for _, record := range w.Records {
		message := kafka.Message{Key: record.Key, Value: record.Value, Time: time.UnixMilli(record.Timestamp)}
		for _, header := range record.Headers {
			message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
		messages = append(messages, message)
	}
	if err := writer.WriteMessages(context.Background(), messages...); err != nil {
		return nil, err
	}
	return offsets, writer.Close()
}

func reader(topic string, partition int) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: os.Args[1:], Topic: topic, Partition: partition, MinBytes: 1, MaxBytes: 10 << 20,
		MaxWait: 200 * time.Millisecond, ReadBackoffMin: 10 * time.Millisecond, ReadBackoffMax: 100 * time.Millisecond,
	})
}

func toRecord(message kafka.Message) steer.Record {
	record := steer.Record{Key: message.Key, Value: message.Value, Timestamp: message.Time.UnixMilli()}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, steer.Header{Name: header.Key, Value: header.Value})
	}
	return record
}

func (c client) consume(w steer.Words) (any, error) {
	reader := reader(w.Topic, int(w.Partition))
	if err := reader.SetOffset(w.Offset); err != nil {
		return nil, err
	}
	var found []any
	for len(found) < w.Count {
		message, err := reader.ReadMessage(context.Background())
		if err != nil {
			return nil, err
		}
		found = append(found, []any{message.Offset, toRecord(message)})
	}
	return found, reader.Close()
}

func (c client) ends(w steer.Words) (any, error) {
	topic, err := c.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{w.Topic}})
	if err != nil {
		return nil, err
	}
	var asked []kafka.OffsetRequest
	for _, partition := range topic.Topics[0].Partitions {
		asked = append(asked, kafka.LastOffsetOf(partition.ID))
	}
	answer, err := c.ListOffsets(context.Background(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{w.Topic: asked},
	})
	if err != nil {
		return nil, err
	}
	ends := map[int]int64{}
	for _, partition := range answer.Topics[w.Topic] {
		if partition.Error != nil {
			return nil, partition.Error
		}
		ends[partition.Partition] = partition.LastOffset
	}
	return ends, nil
}

func (c client) offsets(w steer.Words) (any, error) {
	topic, err := c.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{w.Topic}})
	if err != nil {
		return nil, err
	}
	var asked []int
	for _, partition := range topic.Topics[0].Partitions {
		asked = append(asked, partition.ID)
	}
	answer, err := c.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{
		GroupID: w.Group, Topics: map[string][]int{w.Topic: asked},
	})
	if err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	found := map[int]any{}
	for _, partition := range answer.Topics[w.Topic] {
		found[partition.Partition] = []any{partition.CommittedOffset, partition.Metadata}
	}
	return found, nil
}

func (c client) describe(w steer.Words) (any, error) {
	answer, err := c.DescribeGroups(context.Background(), &kafka.DescribeGroupsRequest{GroupIDs: []string{w.Group}})
	if err != nil {
		return nil, err
	}
	if len(answer.Groups) != 1 || answer.Groups[0].Error != nil {
		return nil, fmt.Errorf("described as %v", answer.Groups)
	}
	clients := []string{}
	for _, member := range answer.Groups[0].Members {
		clients = append(clients, member.ClientID)
	}
	// It does not tell which protocol the members chose.
	return map[string]any{"state": answer.Groups[0].GroupState, "clients": clients}, nil
}

func (c client) groups(steer.Words) (any, error) {
	answer, err := c.ListGroups(context.Background(), &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, group := range answer.Groups {
		ids = append(ids, group.GroupID)
	}
	return ids, answer.Error
}

func (c client) deleteGroup(w steer.Words) (any, error) {
	answer, err := c.DeleteGroups(context.Background(), &kafka.DeleteGroupsRequest{GroupIDs: []string{w.Group}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[w.Group]
}
