package main

import (
	"context"
	"log"
	"sync"

	"chronik/clients/steer"

	"github.com/IBM/sarama"
)

// A member of a group: it joins again after each of its sessions, until it leaves.
type member struct {
	group   sarama.ConsumerGroup
	topic   string
	inbox   steer.Inbox
	lock    sync.Mutex
	session sarama.ConsumerGroupSession
	// Ends the running session.
	again context.CancelFunc
	left  bool
	done  chan struct{}
}

func (c client) join(w steer.Words) (any, error) {
	connected, err := connect(w.ClientID)
	if err != nil {
		return nil, err
	}
	group, err := sarama.NewConsumerGroupFromClient(w.Group, connected)
	if err != nil {
		return nil, err
	}
	m := &member{group: group, topic: w.Topic, done: make(chan struct{})}
	c.members[w.Member] = m
	go m.run()
	return nil, nil
}

func (m *member) run() {
	defer close(m.done)
	for {
		ctx, again := context.WithCancel(context.Background())
		m.lock.Lock()
		m.again = again
		left := m.left
		m.lock.Unlock()
		if left {
			again()
			return
		}
		if err := m.group.Consume(ctx, []string{m.topic}, m); err != nil {
			log.Print("consume: ", err)
		}
		again()
	}
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = session
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = nil
	return nil
}

func (m *member) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.inbox.Put(message.Partition, message.Offset, toRecord(message))
	}
	return nil
}

func (m *member) current() sarama.ConsumerGroupSession {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.session
}

func (c client) memberCommands(commands map[string]steer.Command) {
	// What is asked of a member, and nothing is answered.
	of := func(do func(*member, steer.Words)) steer.Command {
		return func(w steer.Words) (any, error) {
			do(c.members[w.Member], w)
			return nil, nil
		}
	}
	commands["owned"] = func(w steer.Words) (any, error) {
		owned := []int32{}
		if session := c.members[w.Member].current(); session != nil {
			owned = append(owned, session.Claims()[c.members[w.Member].topic]...)
		}
		return owned, nil
	}
	commands["records"] = func(w steer.Words) (any, error) { return c.members[w.Member].inbox.Take(), nil }
	commands["commit"] = of(func(m *member, w steer.Words) {
		session := m.current()
		session.MarkOffset(w.Topic, w.Partition, w.Offset, w.Metadata)
		session.Commit()
	})
	// A group's session cannot seek: it commits where it wants to be and begins anew.
	commands["seek"] = of(func(m *member, w steer.Words) {
		session := m.current()
		session.MarkOffset(w.Topic, w.Partition, w.Offset, "")
		session.ResetOffset(w.Topic, w.Partition, w.Offset, "")
		session.Commit()
		m.lock.Lock()
		defer m.lock.Unlock()
		m.again()
	})
	commands["pause"] = of(func(m *member, w steer.Words) { m.group.Pause(partition(w)) })
	commands["resume"] = of(func(m *member, w steer.Words) { m.group.Resume(partition(w)) })
	commands["leave"] = func(w steer.Words) (any, error) {
		m := c.members[w.Member]
		m.lock.Lock()
		m.left = true
		m.lock.Unlock()
		err := m.group.Close()
		<-m.done
		return nil, err
	}
}

func partition(w steer.Words) map[string][]int32 {
	return map[string][]int32{w.Topic: {w.Partition}}
}
