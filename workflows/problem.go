package workflows

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Level tells how bad a [Problem] is.
type Level string

// A workflow with errors is a draft: it is stored but cannot be started. Warnings never
// stop it.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Problem is one finding about a document.
type Problem struct {
	Level   Level    `json:"level"`
	Pointer string   `json:"pointer"` // JSON pointer into the document
	Code    string   `json:"code"`    // stable, kebab-case
	Text    string   `json:"message"` // a sentence: what is wrong and what would be right
	Task    string   `json:"task,omitempty"`
	Name    string   `json:"name,omitempty"`    // the task's name
	Witness []string `json:"witness,omitempty"` // a path of task ids that shows a static finding
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%s: %s (%s)", p.Pointer, p.Text, p.Code)
}

// Problems are all findings about a document, in the order of their places.
type Problems []Problem

// Errors are the findings that make a draft.
func (ps Problems) Errors() Problems { return ps.level(Error) }

// Warnings are the findings that do not.
func (ps Problems) Warnings() Problems { return ps.level(Warning) }

func (ps Problems) level(l Level) Problems {
	var out Problems
	for _, p := range ps {
		if p.Level == l {
			out = append(out, p)
		}
	}
	return out
}

// Err is nil without errors, and otherwise an error that lists the first few.
func (ps Problems) Err() error {
	errs := ps.Errors()
	if len(errs) == 0 {
		return nil
	}
	return &Invalid{Problems: errs}
}

// Invalid is the error of a document that cannot be used. It carries every problem.
type Invalid struct{ Problems Problems }

func (e *Invalid) Error() string {
	const shown = 3
	var b strings.Builder
	for i, p := range e.Problems {
		if i == shown {
			fmt.Fprintf(&b, "; and %d more", len(e.Problems)-shown)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.Error())
	}
	return b.String()
}

// pointer joins tokens to a JSON pointer.
func pointer(tokens ...string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(value.EscapePointer(t))
	}
	return b.String()
}
