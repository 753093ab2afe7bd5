// A process of a fleet: see python/fleet.py, which also says what the arguments are.
package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const each = 50 * time.Millisecond

var requests, failures atomic.Int64

func main() {
	command, bootstrap, topic, processes := os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	switch command {
	case "use":
		for _, process := range processes {
			fmt.Println(poolSize(*following(bootstrap, topic, process).Load()))
		}
	case "work":
		go report(bootstrap, topic, processes[0])
		work(bootstrap, topic, processes[0], 0)
	case "lie":
		go report(bootstrap, topic, processes[0])
		work(bootstrap, topic, processes[0], 2)
	default:
		panic(command)
	}
}

// following has the settings once all is read that stands there, and as they change.
func following(bootstrap, topic, process string) *atomic.Pointer[map[string]*string] {
	var settings atomic.Pointer[map[string]*string]
	known := make(chan bool, 1)
	go func() {
		panic(Follow(context.Background(), bootstrap, topic, process, func(anew map[string]*string) {
			if settings.Swap(&anew) == nil {
				known <- true
			}
		}))
	}()
	<-known
	return &settings
}

func work(bootstrap, topic, process string, failed int64) {
	place := crc32.ChecksumIEEE([]byte(process)) % 1_000_000
	settings := following(bootstrap, topic, process)
	for request, used := int64(0), ""; ; request++ {
		if value := poolSize(*settings.Load()); value != used {
			used = value
			fmt.Printf("{\"uses\": %q}\n", used)
		}
		if used == "0" && place%2 == 1 {
			fmt.Fprintln(os.Stderr, "killed by its configuration")
			os.Exit(1)
		}
		requests.Add(1)
		if used == "40" && place%20 == 7 {
			failures.Add(request % 2)
		}
		failures.Add(failed)
		time.Sleep(each)
	}
}

func poolSize(settings map[string]*string) string {
	if value := settings["pool.size"]; value != nil {
		return *value
	}
	return "null"
}

func report(bootstrap, topic, process string) {
	producer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		panic(err)
	}
	for range time.Tick(time.Second) {
		// What failed is taken first, so that it is never more than what was done.
		failed := failures.Swap(0)
		figures := fmt.Appendf(nil, `{"requests":%d,"errors":%d}`, requests.Swap(0), failed)
		if err := Report(context.Background(), producer, topic, process, figures); err != nil {
			fmt.Fprintln(os.Stderr, "report refused:", err)
		}
	}
}
