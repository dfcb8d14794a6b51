// The oracle reads meshes, one JSON object a line, and writes each with `expect` as Istio's own code
// computes it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

func main() {
	workers := flag.Int("workers", 2, "cases computed at the same time")
	flag.Parse()
	quiet()
	if err := run(os.Stdin, os.Stdout, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// quiet silences Istio's log: it speaks of the fake API server, not of the case.
func quiet() {
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	_ = log.Configure(options)
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
}

type answer struct {
	line []byte
	err  error
}

// run answers the cases in the order they came, several at a time.
func run(in io.Reader, out io.Writer, workers int) error {
	reader := bufio.NewReaderSize(in, 1<<20)
	writer := bufio.NewWriter(out)
	defer writer.Flush()
	pending := make(chan chan answer, workers)
	var group sync.WaitGroup
	group.Add(1)
	var failed error
	go func() {
		defer group.Done()
		for slot := range pending {
			a := <-slot
			if failed != nil {
				continue
			}
			if a.err != nil {
				failed = a.err
				continue
			}
			_, failed = writer.Write(append(a.line, '\n'))
			if failed == nil {
				failed = writer.Flush()
			}
		}
	}()
	tokens := make(chan struct{}, workers)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 1 {
			slot := make(chan answer, 1)
			tokens <- struct{}{}
			pending <- slot
			go func() {
				defer func() { <-tokens }()
				answered, err := answerLine(line)
				slot <- answer{answered, err}
			}()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			close(pending)
			return err
		}
	}
	close(pending)
	group.Wait()
	return failed
}

func answerLine(line []byte) ([]byte, error) {
	c, err := parseCase(line)
	if err != nil {
		return nil, err
	}
	var dropped []string
	if c.Asks != nil {
		dropped, err = c.sift()
	} else {
		err = c.dropRejected()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	var expect any
	var inner error
	if err := test.Wrap(func(t test.Failer) {
		var control *istiod
		if control, inner = newIstiod(t, c); inner != nil {
			return
		}
		if c.Asks == nil {
			expect = control.expectations()
		} else {
			expect, inner = control.accessExpectations(dropped)
		}
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	if inner != nil {
		return nil, fmt.Errorf("%s: %w", c.ID, inner)
	}
	if c.raw["expect"], err = json.Marshal(expect); err != nil {
		return nil, err
	}
	return json.Marshal(c.raw)
}

// dropRejected removes the objects that Istio's webhook would not let in.
func (c *caseFile) dropRejected() error {
	var kept []json.RawMessage
	for _, object := range c.Resources {
		if accepted(object) {
			kept = append(kept, object)
		}
	}
	c.Resources = kept
	raw, err := json.Marshal(kept)
	c.raw["resources"] = raw
	return err
}
