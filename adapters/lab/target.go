package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// target is a system that the lab pretends to write to. It lives as long as the lab, and
// counts what is written.
type target struct {
	entries map[string]value.Value
	writes  int
}

// target finds a target; the lock must be held.
func (w *world) target(name string) *target {
	t := w.targets[name]
	if t == nil {
		t = &target{entries: map[string]value.Value{}}
		w.targets[name] = t
	}
	return t
}

// most bounds the changes of a script.
const most = 100_000

type targetInput struct {
	Target   string                 `json:"target" doc:"name of the target; it is there once it is named"`
	Entries  map[string]value.Value `json:"entries,omitempty" doc:"what the target is to hold, by id"`
	Complete bool                   `json:"complete,omitempty" doc:"entries that are not listed are to be deleted"`
	Script   *script                `json:"script,omitempty" doc:"changes to make up, in place of entries"`
}

// script is a change set that is made up.
type script struct {
	Create  int64 `json:"create,omitempty"`
	Modify  int64 `json:"modify,omitempty"`
	Delete  int64 `json:"delete,omitempty"`
	Present int64 `json:"present,omitempty" doc:"entries that are taken to be there"`
}

func plan(_ context.Context, c *adapters.Call, in targetInput) (adapters.Changes, error) {
	if in.Script != nil {
		return in.Script.changes()
	}
	w := adapters.Client[*world](c)
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.target(in.Target)
	out := adapters.Changes{Present: int64(len(t.entries))}
	for _, id := range slices.Sorted(maps.Keys(in.Entries)) {
		before, there := t.entries[id]
		switch after := in.Entries[id]; {
		case !there:
			out.List = append(out.List, adapters.Change{Kind: workflows.Create, ID: id, After: after})
		case !value.Equal(before, after):
			out.List = append(out.List, adapters.Change{Kind: workflows.Modify, ID: id, Before: before, After: after})
		}
	}
	if !in.Complete {
		return out, nil
	}
	for _, id := range slices.Sorted(maps.Keys(t.entries)) {
		if _, kept := in.Entries[id]; !kept {
			out.List = append(out.List, adapters.Change{Kind: workflows.Delete, ID: id, Before: t.entries[id]})
		}
	}
	return out, nil
}

func (s *script) changes() (adapters.Changes, error) {
	out := adapters.Changes{Present: s.Present}
	for _, part := range []struct {
		kind workflows.ChangeKind
		n    int64
	}{{workflows.Create, s.Create}, {workflows.Modify, s.Modify}, {workflows.Delete, s.Delete}} {
		if part.n < 0 || part.n > most {
			return out, &adapters.Error{Class: engine.ClassInput, Text: fmt.Sprintf("%s must be from 0 to %d, not %d", part.kind, most, part.n)}
		}
		for i := range part.n {
			out.List = append(out.List, adapters.Change{Kind: part.kind, ID: fmt.Sprintf("%s-%d", part.kind, i+1), After: value.Int(i + 1)})
		}
	}
	return out, nil
}

type written struct {
	Changed int `json:"changed" doc:"changes that were made"`
	Writes  int `json:"writes" doc:"how often the target was written to, ever"`
}

func apply(_ context.Context, c *adapters.Call, in targetInput, changes adapters.Changes) (written, error) {
	w := adapters.Client[*world](c)
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.target(in.Target)
	for _, change := range changes.List {
		t.writes++
		if change.Kind == workflows.Delete {
			delete(t.entries, change.ID)
		} else {
			t.entries[change.ID] = change.After
		}
	}
	return written{len(changes.List), t.writes}, nil
}

type targetName struct {
	Target string `json:"target" doc:"name of the target"`
}

type holding struct {
	Entries map[string]value.Value `json:"entries"`
	Present int                    `json:"present" doc:"number of entries"`
	Writes  int                    `json:"writes" doc:"how often the target was written to, ever"`
}

func read(_ context.Context, c *adapters.Call, in targetName) (holding, error) {
	w := adapters.Client[*world](c)
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.target(in.Target)
	return holding{maps.Clone(t.entries), len(t.entries), t.writes}, nil
}

type exportInput struct {
	targetName
	Error string `json:"error,omitempty" doc:"lets it fail with this text"`
}

func export(_ context.Context, c *adapters.Call, in exportInput) ([]string, error) {
	if in.Error != "" {
		return nil, ending{Text: in.Error}.err()
	}
	w := adapters.Client[*world](c)
	w.mu.Lock()
	defer w.mu.Unlock()
	entries := w.target(in.Target).entries
	lines := make([]string, 0, len(entries))
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		lines = append(lines, id+" "+entries[id].String())
	}
	return lines, nil
}

type computeInput struct {
	Entries map[string]value.Value `json:"entries" doc:"objects by id"`
	Add     map[string]value.Value `json:"add,omitempty" doc:"members that each of them gets"`
}

type computed struct {
	Entries map[string]value.Value `json:"entries"`
}

func compute(_ context.Context, _ *adapters.Call, in computeInput) (computed, error) {
	out := computed{make(map[string]value.Value, len(in.Entries))}
	for id, entry := range in.Entries {
		if !entry.IsObject() {
			return computed{}, &adapters.Error{Class: engine.ClassInput, Text: fmt.Sprintf("entry %q must be an object, not %s", id, entry.Kind())}
		}
		for _, name := range slices.Sorted(maps.Keys(in.Add)) {
			entry = entry.With(name, in.Add[name])
		}
		out.Entries[id] = entry
	}
	return out, nil
}
