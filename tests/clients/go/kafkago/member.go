package main

import (
	"context"
	"log"
	"os"
	"sync"
	"time"

	"chronik/clients/steer"

	"github.com/segmentio/kafka-go"
)

// A member of a group, with a reader for each partition that it has.
type member struct {
	group   *kafka.ConsumerGroup
	topic   string
	inbox   steer.Inbox
	lock    sync.Mutex
	now     *kafka.Generation
	readers map[int]*kafka.Reader
}

func (c client) join(w steer.Words) (any, error) {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: w.Group, Brokers: os.Args[1:], Topics: []string{w.Topic}, Dialer: &kafka.Dialer{ClientID: w.ClientID},
		HeartbeatInterval: 300 * time.Millisecond, SessionTimeout: 6 * time.Second,
		JoinGroupBackoff: 100 * time.Millisecond, StartOffset: kafka.FirstOffset,
		Logger: log.New(os.Stderr, "", log.Lmicroseconds), ErrorLogger: log.New(os.Stderr, "error ", log.Lmicroseconds),
	})
	if err != nil {
		return nil, err
	}
	m := &member{group: group, topic: w.Topic}
	c.members[w.Member] = m
	go m.run()
	return nil, nil
}

func (m *member) run() {
	for {
		generation, err := m.group.Next(context.Background())
		if err != nil {
			log.Print("the member is done: ", err)
			return
		}
		m.lock.Lock()
		m.now, m.readers = generation, map[int]*kafka.Reader{}
		for _, assigned := range generation.Assignments[m.topic] {
			reader := reader(m.topic, assigned.ID)
			if err := reader.SetOffset(assigned.Offset); err != nil {
				log.Print("set offset: ", err)
			}
			m.readers[assigned.ID] = reader
			generation.Start(func(ctx context.Context) { m.read(ctx, reader) })
		}
		m.lock.Unlock()
	}
}

// Until the generation is over.
func (m *member) read(ctx context.Context, reader *kafka.Reader) {
	defer reader.Close()
	for {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			m.lock.Lock()
			defer m.lock.Unlock()
			delete(m.readers, reader.Config().Partition)
			return
		}
		m.inbox.Put(int32(message.Partition), message.Offset, toRecord(message))
	}
}

func (m *member) owned() any {
	m.lock.Lock()
	defer m.lock.Unlock()
	owned := []int{}
	for partition := range m.readers {
		owned = append(owned, partition)
	}
	return owned
}

func (m *member) at(partition int32) *kafka.Reader {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.readers[int(partition)]
}

func (m *member) generation() *kafka.Generation {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.now
}

func (c client) memberCommands(commands map[string]steer.Command) {
	of := func(do func(*member, steer.Words) (any, error)) steer.Command {
		return func(w steer.Words) (any, error) { return do(c.members[w.Member], w) }
	}
	commands["owned"] = of(func(m *member, _ steer.Words) (any, error) { return m.owned(), nil })
	commands["records"] = of(func(m *member, _ steer.Words) (any, error) { return m.inbox.Take(), nil })
	// It commits no metadata.
	commands["commit"] = of(func(m *member, w steer.Words) (any, error) {
		return nil, m.generation().CommitOffsets(map[string]map[int]int64{w.Topic: {int(w.Partition): w.Offset}})
	})
	commands["seek"] = of(func(m *member, w steer.Words) (any, error) { return nil, m.at(w.Partition).SetOffset(w.Offset) })
	commands["leave"] = of(func(m *member, _ steer.Words) (any, error) { return nil, m.group.Close() })
}
