package main

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 3
	records    = 6
	baseTime   = 1_700_000_000_000
	stepMs     = 1000
	tooLarge   = 2_000_000
)

// sample is record `number` of one way to produce: keys, values and headers of every kind, most of all the odd ones.
func sample(topic, codec string, variant, number int) *kgo.Record {
	record := &kgo.Record{
		Topic:     topic,
		Partition: int32(number % partitions),
		Key:       fmt.Appendf(nil, "key-%d", number),
		Value:     fmt.Appendf(nil, "%s-%d-%d", codec, variant, number),
		Headers:   []kgo.RecordHeader{{Key: "codec", Value: []byte(codec)}},
		Timestamp: time.UnixMilli(int64(baseTime + (variant*records+number)*stepMs)),
	}
	switch number {
	case 0:
		record.Headers = nil
	case 1:
		record.Key = nil
	case 2:
		record.Value = nil
	case 3:
		record.Value = []byte{}
	case 4:
		record.Value = bytes.Repeat([]byte("x"), 3000)
	case 5:
		record.Headers = []kgo.RecordHeader{
			{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "empty", Value: []byte{}}, {Key: "null"},
		}
	}
	return record
}

func basics(client *client, prefix string) {
	topic := prefix + "-codecs"
	create(client, topic)
	produce(client, topic)
	read(client, topic)
	seek(client, topic)
	failures(client, prefix, topic)
}

func create(client *client, topic string) {
	codes := []int16{client.createTopic(topic, partitions), client.createTopic(topic, partitions)}
	emit(line{"step": "create", "codes": codes, "partitions": client.partitions(topic)})
	brief := topic + "-brief"
	codes = []int16{client.createTopic(brief, 1), client.deleteTopic(brief), client.deleteTopic(brief)}
	emit(line{"step": "delete", "codes": codes})
	auto := topic + "-auto"
	offsets := client.produce([]*kgo.Record{sample(auto, "none", 0, 0)}, "none", false)
	emit(line{"step": "auto create", "offsets": offsets, "partitions": client.partitions(auto)})
}

func produce(client *client, topic string) {
	for index, codec := range codecs {
		for extra, idempotent := range []bool{false, true} {
			var batch []*kgo.Record
			for number := range records {
				batch = append(batch, sample(topic, codec, 2*index+extra, number))
			}
			offsets := client.produce(batch, codec, idempotent)
			emit(line{"step": "produce", "codec": codec, "idempotent": idempotent, "offsets": offsets})
		}
	}
}

func read(client *client, topic string) {
	all := client.read(topic, map[int32]int64{0: 0, 1: 0, 2: 0}, len(codecs)*2*records)
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.Partition < b.Partition || a.Partition == b.Partition && a.Offset < b.Offset
	})
	for _, record := range all {
		headers := [][]any{}
		for _, header := range record.Headers {
			headers = append(headers, []any{header.Key, text(header.Value)})
		}
		emit(line{
			"step": "read", "partition": record.Partition, "offset": record.Offset, "key": text(record.Key),
			"value": text(record.Value), "headers": headers, "timestamp": record.Timestamp.UnixMilli(),
		})
	}
}

func seek(client *client, topic string) {
	var offsets []int64
	for _, record := range client.read(topic, map[int32]int64{0: 3}, 2) {
		offsets = append(offsets, record.Offset)
	}
	emit(line{"step": "seek", "offsets": offsets})
	// Offset 3 of partition 0 is record 3 of the second way to produce; a little later comes the next one.
	exact := int64(baseTime + 9*stepMs)
	found := func(time int64) *int64 { return client.offsetForTime(topic, 0, time) }
	emit(line{
		"step": "time", "before all": found(0), "exact": found(exact), "between": found(exact + 1),
		"after all": found(2 * baseTime),
	})
}

func failures(client *client, prefix, topic string) {
	failed := func(name string, code int16) { emit(line{"step": "error", "case": name, "code": code}) }
	large := &kgo.Record{Topic: topic, Value: bytes.Repeat([]byte("x"), tooLarge)}
	failed("too large", client.produceError(large, kgo.ProducerBatchMaxBytes(10_000_000)))
	failed("unknown topic", client.produceError(&kgo.Record{Topic: prefix + "-missing"}))
	failed("bad topic name", client.createTopic(prefix+" bad/name", 1))
	failed("no partitions", client.createTopic(prefix+"-none", 0))
}

// text shows a value; a long run of one letter as its length and the letter.
func text(value []byte) any {
	switch {
	case value == nil:
		return nil
	case len(value) < 100 || bytes.Count(value, value[:1]) < len(value):
		return string(value)
	default:
		return fmt.Sprintf("%d %c", len(value), value[0])
	}
}

// patience is a context that ends long after any single call should have.
func patience() context.Context {
	const limit = 20 * time.Second
	limited, cancel := context.WithTimeout(context.Background(), limit)
	time.AfterFunc(limit, cancel)
	return limited
}
