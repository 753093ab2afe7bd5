package main

import (
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

var compression = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

type client struct {
	bootstrap string
	admin     *kadm.Client
}

func open(bootstrap string, options ...kgo.Opt) *kgo.Client {
	opened, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
	check(err)
	return opened
}

func connect(bootstrap string) *client {
	return &client{bootstrap, kadm.NewClient(open(bootstrap))}
}

// code is Kafka's error code; 0 is success. Other errors end the program.
func code(err error) int16 {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Code
	}
	check(err)
	return 0
}

func (c *client) createTopic(name string, partitions int32) int16 {
	response, err := c.admin.CreateTopic(patience(), partitions, 1, nil, name)
	if err != nil {
		return code(err)
	}
	return code(response.Err)
}

func (c *client) deleteTopic(name string) int16 {
	response, err := c.admin.DeleteTopic(patience(), name)
	if err != nil {
		return code(err)
	}
	return code(response.Err)
}

// partitions waits until the broker knows of a topic that was created a moment ago.
func (c *client) partitions(topic string) []int32 {
	for deadline := patience(); ; time.Sleep(20 * time.Millisecond) {
		metadata, err := c.admin.Metadata(deadline, topic)
		check(err)
		if numbers := metadata.Topics[topic].Partitions.Numbers(); len(numbers) > 0 {
			return numbers
		}
	}
}

func producer(bootstrap, codec string, options ...kgo.Opt) *kgo.Client {
	common := []kgo.Opt{kgo.ProducerBatchCompression(compression[codec]), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	return open(bootstrap, append(common, options...)...)
}

func (c *client) produce(batch []*kgo.Record, codec string, idempotent bool) []int64 {
	options := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1)}
	if !idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	sender := producer(c.bootstrap, codec, options...)
	defer sender.Close()
	check(sender.ProduceSync(patience(), batch...).FirstErr())
	var offsets []int64
	for _, record := range batch {
		offsets = append(offsets, record.Offset)
	}
	return offsets
}

func (c *client) produceError(record *kgo.Record, options ...kgo.Opt) int16 {
	sender := producer(c.bootstrap, "none", append(options, kgo.UnknownTopicRetries(0))...)
	defer sender.Close()
	return code(sender.ProduceSync(patience(), record).FirstErr())
}

func (c *client) read(topic string, positions map[int32]int64, count int) []*kgo.Record {
	offsets := map[int32]kgo.Offset{}
	for partition, offset := range positions {
		offsets[partition] = kgo.NewOffset().At(offset)
	}
	reader := open(c.bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))
	defer reader.Close()
	var all []*kgo.Record
	for len(all) < count {
		fetches := reader.PollFetches(patience())
		check(fetches.Err())
		all = append(all, fetches.Records()...)
	}
	return all[:count]
}

// offsetForTime is nil where no record is as late; the library then gives the end offset.
func (c *client) offsetForTime(topic string, partition int32, time int64) *int64 {
	found, err := c.admin.ListOffsetsAfterMilli(patience(), time, topic)
	check(err)
	ends, err := c.admin.ListEndOffsets(patience(), topic)
	check(err)
	offset, _ := found.Lookup(topic, partition)
	end, _ := ends.Lookup(topic, partition)
	check(errors.Join(offset.Err, end.Err))
	if offset.Offset == end.Offset {
		return nil
	}
	return &offset.Offset
}

func sorted(set map[int32]bool) []int32 {
	all := []int32{}
	for partition := range set {
		all = append(all, partition)
	}
	slices.Sort(all)
	return all
}
