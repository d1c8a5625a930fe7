package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxCommand bounds a command in bytes.
const maxCommand = 4096

// oneLine checks that a text is one command, and not several or keystrokes.
func oneLine(command string) error {
	switch {
	case strings.TrimSpace(command) == "":
		return errors.New("must not be empty")
	case len(command) > maxCommand:
		return fmt.Errorf("must not be longer than %d bytes", maxCommand)
	case strings.ContainsFunc(command, unicode.IsControl):
		return errors.New("must be one line without control characters")
	}
	return nil
}

// readers are the commands that change nothing, and filters what may follow their pipes.
var (
	readers = []string{"display", "ping", "show", "traceroute"}
	filters = []string{
		"b", "begin", "compare", "count", "display", "e", "egrep", "except", "exclude", "find", "grep", "head", "i", "inc", "include", "json",
		"last", "match", "no-more", "nz", "s", "section", "sec", "xml",
	}
)

// onlyShows checks that a command reads and sends what it reads nowhere but here.
func onlyShows(command string) error {
	for i, part := range strings.Split(command, "|") {
		word, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		switch {
		case i == 0 && !slices.Contains(readers, strings.ToLower(word)):
			return fmt.Errorf("must begin with %s", strings.Join(readers, ", "))
		case i > 0 && !slices.Contains(filters, strings.ToLower(word)):
			return fmt.Errorf("must not be piped to %q", word)
		case strings.ContainsAny(part, ">;`"):
			return errors.New("must not contain >, ; or `")
		}
	}
	return nil
}

// maxLines bounds the lines of one configuration.
const maxLines = 20000

// configLines splits texts into lines, leaving out empty ones.
func configLines(texts []string) ([]string, error) {
	var out []string
	for i, text := range texts {
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			if strings.TrimSpace(line) == "" {
				continue
			}
			line = strings.ReplaceAll(line, "\t", "    ") // a tab would complete what stands before it
			if err := oneLine(line); err != nil {
				return nil, fmt.Errorf("/lines/%d %w", i, err)
			}
			out = append(out, line)
		}
	}
	switch {
	case out == nil:
		return nil, errors.New("/lines must not be empty")
	case len(out) > maxLines:
		return nil, fmt.Errorf("/lines must not be more than %d, not %d", maxLines, len(out))
	}
	return out, nil
}
