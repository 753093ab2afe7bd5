// franz-go put through its paces; the commands and lines are those of python/client.py:
//
//	basics BOOTSTRAP PREFIX                  topics, every codec, reading, seeking, errors
//	member BOOTSTRAP TOPIC GROUP             a group member driven by lines on the standard input
//	load BOOTSTRAP TOPIC CODEC FILE          the records of a file into a topic
//	drain BOOTSTRAP TOPIC...                 digests of all records of each topic
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type line map[string]any

func emit(fields line) {
	text, err := json.Marshal(fields)
	check(err)
	fmt.Println(string(text))
}

// check ends the program: the test that started it reads the message.
func check(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		os.Exit(1)
	}
}

func main() {
	command, bootstrap, arguments := os.Args[1], os.Args[2], os.Args[3:]
	switch command {
	case "basics":
		basics(connect(bootstrap), arguments[0])
	case "member":
		member(bootstrap, arguments[0], arguments[1])
	case "load":
		load(bootstrap, arguments[0], arguments[1], arguments[2])
	case "drain":
		for _, topic := range arguments {
			drain(bootstrap, topic)
		}
	default:
		check(fmt.Errorf("no command %q", command))
	}
}
