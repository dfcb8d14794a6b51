// Command render-worker renders one kustomization after the other in one process.
//
// It reads a job a line from standard input, and for each writes one line and then the output to
// standard output:
//
//	{"folder": "/absolute/path", "limit": 1048576}
//	{"code": 0, "output": 123, "error": "", "last": false}
//	...123 bytes...
//
// A job is what `kustomize build FOLDER` does: the same command of the same module runs it, with the
// same exit code, the same output and the same error. `limit` is the most bytes that it may write.
// The process ends with its standard input, or after an answer that is the last one.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"sigs.k8s.io/kustomize/kustomize/v5/commands/build"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

type job struct {
	Folder string `json:"folder"`
	Limit  int    `json:"limit"`
}

type result struct {
	Code   int    `json:"code"`
	Output int    `json:"output"`
	Error  string `json:"error"`
	Last   bool   `json:"last"`
}

// errTooLarge reads as the kernel's word for a file that reached its limit (EFBIG).
var errTooLarge = errors.New("file too large")

// bounded keeps what is written, up to a limit.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(content []byte) (int, error) {
	if b.Len()+len(content) > b.limit {
		return 0, errTooLarge
	}
	return b.Buffer.Write(content)
}

func render(asked job) (result, []byte) {
	output := &bounded{limit: asked.Limit}
	var messages bytes.Buffer
	log.SetOutput(&messages)
	command := build.NewCmdBuild(filesys.MakeFsOnDisk(), build.MakeHelp("kustomize", "build"), output)
	command.SetArgs([]string{"--", asked.Folder})
	command.SetOut(&messages)
	command.SetErr(&messages)
	if err := command.Execute(); err != nil {
		return result{Code: 1, Error: messages.String()}, nil
	}
	return result{Output: output.Len(), Error: messages.String()}, output.Bytes()
}

// Before anything was rendered.
var builtinSchema = openapi.GetSchemaVersion()

// isUsed tells whether a kustomization has left something behind that would decide the next one.
// An `openapi` field sets the schema of the whole process: kyaml keeps it, and its definitions.
func isUsed() bool {
	return openapi.GetSchemaVersion() != builtinSchema
}

func serve(input io.Reader, output io.Writer) error {
	jobs := bufio.NewReader(input)
	answers := bufio.NewWriter(output)
	for {
		line, err := jobs.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var asked job
		if err := json.Unmarshal(line, &asked); err != nil {
			return err
		}
		answer, content := render(asked)
		answer.Last = isUsed()
		header, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		for _, part := range [][]byte{header, []byte("\n"), content} {
			if _, err := answers.Write(part); err != nil {
				return err
			}
		}
		if err := answers.Flush(); err != nil || answer.Last {
			return err
		}
	}
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}
