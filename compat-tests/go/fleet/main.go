// A process of a fleet: see python/fleet.py, which also says what the arguments are.
package main

import (
	"fmt"
	"os"
	"time"
)

const each = 50 * time.Millisecond

func main() {
	command, arguments := os.Args[1], os.Args[2:]
	switch command {
	case "place":
		for _, id := range arguments {
			fmt.Println(place(id))
		}
	case "work":
		work(arguments, 0)
	case "lie":
		work(arguments, 2)
	default:
		panic(command)
	}
}

func work(arguments []string, failed int64) {
	config, err := NewConfig(arguments[0], arguments[1], arguments[2])
	if err != nil {
		panic(err)
	}
	place := place(arguments[2])
	for request, used := int64(0), ""; ; request++ {
		value := "null"
		if found := config.Get("pool.size"); found != nil {
			value = *found
		}
		if value != used {
			used = value
			fmt.Printf("{\"uses\": %q}\n", used)
		}
		if used == "0" && place%2 == 1 {
			fmt.Fprintln(os.Stderr, "killed by its configuration")
			os.Exit(1)
		}
		errors := failed
		if used == "40" && place%20 == 7 {
			errors = request % 2
		}
		config.Done(1, errors)
		time.Sleep(each)
	}
}
