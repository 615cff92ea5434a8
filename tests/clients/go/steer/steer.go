// Package steer lets a client do what lines of JSON say: see steered.py, which says what the commands mean.
package steer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// Words are a line: the command and what it is about.
type Words struct {
	Do         string   `json:"do"`
	Topic      string   `json:"topic"`
	Group      string   `json:"group"`
	Member     string   `json:"member"`
	ClientID   string   `json:"client_id"`
	Codec      string   `json:"codec"`
	Metadata   string   `json:"metadata"`
	Partition  int32    `json:"partition"`
	Partitions int32    `json:"partitions"`
	Offset     int64    `json:"offset"`
	Count      int      `json:"count"`
	Idempotent bool     `json:"idempotent"`
	Records    []Record `json:"records"`
}

// Record is one record; nil bytes are null.
type Record struct {
	Key, Value []byte
	Headers    []Header
	// Milliseconds since 1970.
	Timestamp int64
}

// Header is one header of a record.
type Header struct {
	Name  string
	Value []byte
}

func (r Record) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{r.Key, r.Value, r.Headers, r.Timestamp})
}

func (r *Record) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&r.Key, &r.Value, &r.Headers, &r.Timestamp})
}

func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

func (h *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.Name, &h.Value})
}

// Inbox is what a member received since it was last asked.
type Inbox struct {
	lock  sync.Mutex
	found []any
}

// Put adds a record.
func (i *Inbox) Put(partition int32, offset int64, record Record) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.found = append(i.found, []any{partition, offset, record})
}

// Take empties it.
func (i *Inbox) Take() []any {
	i.lock.Lock()
	defer i.lock.Unlock()
	found := i.found
	i.found = nil
	return append([]any{}, found...)
}

// Command does what a line says.
type Command func(Words) (any, error)

// Run answers the lines of standard input until it ends.
func Run(commands map[string]Command) {
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		value, err := do(commands, line)
		if err != nil {
			err = answers.Encode(map[string]any{"error": err.Error()})
		} else {
			err = answers.Encode(map[string]any{"ok": value})
		}
		if err != nil {
			return
		}
	}
}

func do(commands map[string]Command, line []byte) (any, error) {
	var words Words
	if err := json.Unmarshal(line, &words); err != nil {
		return nil, err
	}
	command, known := commands[words.Do]
	if !known {
		return nil, fmt.Errorf("no command %q", words.Do)
	}
	return command(words)
}
