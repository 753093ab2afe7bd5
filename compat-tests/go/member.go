package main

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// membership is what the group has given this member; the library changes it from goroutines of its own.
type membership struct {
	sync.Mutex
	assigned map[int32]bool
}

func (m *membership) change(topic string, have bool) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
		m.Lock()
		defer m.Unlock()
		for _, partition := range changed[topic] {
			if delete(m.assigned, partition); have {
				m.assigned[partition] = true
			}
		}
		emit(line{"event": "assigned", "partitions": sorted(m.assigned)})
	}
}

// member says what it is assigned and what it reads; it obeys `commit`, `commit OFFSET...` and `leave`.
func member(bootstrap, topic, group string) {
	state := &membership{assigned: map[int32]bool{}}
	options := append(protocol(), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(state.change(topic, true)),
		kgo.OnPartitionsRevoked(state.change(topic, false)), kgo.OnPartitionsLost(state.change(topic, false)))
	consumer := open(bootstrap, options...)
	commands := commands()
	for {
		poll(state, consumer)
		select {
		case command := <-commands:
			if command[0] == "leave" {
				check(consumer.LeaveGroupContext(patience()))
				consumer.Close()
				emit(line{"event": "left"})
				return
			}
			commit(consumer, topic, command[1:])
			emit(line{"event": "committed"})
		default:
		}
	}
}

// protocol is that of the group: of the consumer protocol, where the broker tells the times, if $GROUP_PROTOCOL says so.
func protocol() []kgo.Opt {
	if os.Getenv("GROUP_PROTOCOL") == "consumer" {
		return []kgo.Opt{kgo.ServerSideBalancer()}
	}
	return []kgo.Opt{kgo.SessionTimeout(2 * time.Second), kgo.HeartbeatInterval(200 * time.Millisecond)}
}

func commands() <-chan []string {
	commands := make(chan []string)
	go func() {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			commands <- strings.Fields(input.Text())
		}
	}()
	return commands
}

func poll(state *membership, consumer *kgo.Client) {
	limited, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fetches := consumer.PollFetches(limited)
	state.Lock()
	defer state.Unlock()
	fetches.EachRecord(func(record *kgo.Record) {
		emit(line{"event": "record", "partition": record.Partition, "offset": record.Offset})
	})
}

func commit(consumer *kgo.Client, topic string, explicit []string) {
	if len(explicit) == 0 {
		check(consumer.CommitUncommittedOffsets(patience()))
		return
	}
	offsets := map[int32]kgo.EpochOffset{}
	for partition, text := range explicit {
		offset, err := strconv.ParseInt(text, 10, 64)
		check(err)
		offsets[int32(partition)] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	done := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		check(err)
		for _, partition := range response.Topics[0].Partitions {
			check(kerr.ErrorForCode(partition.ErrorCode))
		}
	}
	consumer.CommitOffsetsSync(patience(), map[string]map[int32]kgo.EpochOffset{topic: offsets}, done)
}
