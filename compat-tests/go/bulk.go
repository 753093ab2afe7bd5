package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// load sends a file that holds partition, key length, key, value length, value; numbers are 32 bits, big-endian.
func load(bootstrap, topic, codec, file string) {
	source, err := os.Open(file)
	check(err)
	sender := producer(bootstrap, codec)
	var acknowledged atomic.Int64
	input := bufio.NewReader(source)
	for {
		record, err := next(input)
		if err == io.EOF {
			break
		}
		check(err)
		record.Topic = topic
		sender.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			check(err)
			acknowledged.Add(1)
		})
	}
	check(sender.Flush(context.Background()))
	sender.Close()
	emit(line{"step": "load", "records": acknowledged.Load()})
}

func next(input io.Reader) (*kgo.Record, error) {
	var partition int32
	if err := binary.Read(input, binary.BigEndian, &partition); err != nil {
		return nil, err
	}
	key, err := field(input)
	check(err)
	value, err := field(input)
	return &kgo.Record{Partition: partition, Key: key, Value: value}, err
}

func field(input io.Reader) ([]byte, error) {
	var length uint32
	if err := binary.Read(input, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	field := make([]byte, length)
	_, err := io.ReadFull(input, field)
	return field, err
}

func drain(bootstrap, topic string) {
	reader := open(bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	ends, err := kadm.NewClient(reader).ListEndOffsets(patience(), topic)
	check(err)
	records := int64(0)
	ends.Each(func(end kadm.ListedOffset) { records += end.Offset })
	digest := digest{partitions: map[int32]hash.Hash{}}
	for int64(len(digest.records)) < records {
		fetches := reader.PollFetches(patience())
		check(fetches.Err())
		fetches.EachRecord(digest.add)
	}
	emit(digest.result(topic))
}

// digest is what a topic holds: the multiset of its records, and the order within each partition.
type digest struct {
	records    [][]byte
	partitions map[int32]hash.Hash
}

func (d *digest) add(record *kgo.Record) {
	text := binary.BigEndian.AppendUint32(nil, uint32(len(record.Key)))
	one := sha256.Sum256(append(append(text, record.Key...), record.Value...))
	d.records = append(d.records, one[:])
	if d.partitions[record.Partition] == nil {
		d.partitions[record.Partition] = sha256.New()
	}
	d.partitions[record.Partition].Write(one[:])
}

func (d *digest) result(topic string) line {
	slices.SortFunc(d.records, bytes.Compare)
	order := map[string]string{}
	for partition, chain := range d.partitions {
		order[strconv.Itoa(int(partition))] = hex.EncodeToString(chain.Sum(nil))
	}
	multiset := fmt.Sprintf("%x", sha256.Sum256(bytes.Join(d.records, nil)))
	return line{"step": "drain", "topic": topic, "records": len(d.records), "multiset": multiset, "order": order}
}
