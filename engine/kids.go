package engine

import (
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/workflows/value"
)

// A loop may have ten thousand children and is stored with each of their events, so their
// stored form is short: runs of neighbouring elements with a letter for how each stands, and
// nothing that the children's own documents hold. {"element":0,"iteration":1,"states":"40c2r."}
// are 40 that completed, 2 that run and one that was only ordered.

// kidStates has a letter for each status, and within it for (started, done) being neither,
// done, started, both.
const kidStates = ".,rR" + "DCdc" + "YXyx" + "Wfwe"

var kidStatuses = []Status{Running, Complete, Canceled, Errored}

func (k *Kid) letter() byte {
	at := 4 * max(slices.Index(kidStatuses, k.Status), 0)
	if k.Started {
		at += 2
	}
	if k.Done {
		at++
	}
	return kidStates[at]
}

// follows tells whether a child can be in the same run as the one before it.
func (k *Kid) follows(before *Kid) bool {
	return k.Iteration == before.Iteration && k.Element == before.Element+1 && !k.kept() && !before.kept()
}

// kept tells whether the output is stored with the parent.
func (k *Kid) kept() bool { return !k.Output.IsAbsent() && !k.ended() }

func (w *writer) kids(kids []Kid) {
	if len(kids) == 0 {
		return
	}
	w.Open("kids", '[')
	for first := 0; first < len(kids); {
		end := first + 1
		for end < len(kids) && kids[end].follows(&kids[end-1]) {
			end++
		}
		k := &kids[first]
		w.Open("", '{')
		w.Int("element", int64(k.Element))
		w.Int("iteration", int64(k.Iteration))
		w.Key("states")
		w.Buf = append(w.Buf, '"')
		for first < end {
			n := 1
			for first+n < end && kids[first+n].letter() == kids[first].letter() {
				n++
			}
			if n > 1 {
				w.Buf = strconv.AppendInt(w.Buf, int64(n), 10)
			}
			w.Buf = append(w.Buf, kids[first].letter())
			first += n
		}
		w.Buf = append(w.Buf, '"')
		if k.kept() {
			w.Value("output", k.Output)
		}
		w.Close('}')
	}
	w.Close(']')
}

// kids reads the children of a job's task.
func kids(stored value.Value, job, task string) []Kid {
	var out []Kid
	for _, run := range stored.Elements() {
		element, iteration := int(number(run, "element")), int(number(run, "iteration"))
		n := 0
		for _, letter := range []byte(run.Get("states").Text()) {
			if '0' <= letter && letter <= '9' {
				n = min(10*n+int(letter-'0'), maxKids)
				continue
			}
			at := slices.Index([]byte(kidStates), letter)
			if at < 0 {
				continue // of a newer release; that the loop is not sound will be noticed
			}
			for range min(max(n, 1), maxKids-len(out)) {
				out = append(out, Kid{
					ID: ChildID(job, task, iteration, element), Iteration: iteration, Element: element,
					Status: kidStatuses[at/4], Started: at&2 != 0, Done: at&1 != 0, Output: run.Get("output"),
				})
				element++
			}
			n = 0
		}
	}
	return out
}

// maxKids bounds what a damaged document can make of a short text.
const maxKids = 1_000_000

// Wanting lists the child jobs whose outputs a job read from its stored form lacks: they are
// the variables of the children's own documents.
func (m *Machine) Wanting(job *Job) []string {
	var out []string
	for i, t := range job.Tasks {
		if t.Loop == nil || m.places[i].kind != kindChildJob || t.Status == TaskComplete || t.Status == TaskFailure {
			continue
		}
		for k := range t.Loop.Kids {
			if kid := &t.Loop.Kids[k]; kid.ended() && kid.Output.IsAbsent() {
				out = append(out, kid.ID)
			}
		}
	}
	return out
}

// Filled is a job just decoded with the outputs it was wanting, by child job.
func (m *Machine) Filled(job *Job, outputs map[string]value.Value) *Job {
	for _, t := range job.Tasks {
		if t.Loop == nil {
			continue
		}
		for k := range t.Loop.Kids {
			if v, ok := outputs[t.Loop.Kids[k].ID]; ok {
				t.Loop.Kids[k].Output = v
			}
		}
	}
	return job
}
