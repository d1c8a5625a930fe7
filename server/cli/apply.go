package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

// appliedFile lists in a folder what was applied from it, by server, so that prune knows what
// is gone from it. What others made on the server is never touched.
const appliedFile = ".heddle-applied.json"

func newApply(c *console) *cobra.Command {
	r := &remote{}
	var from string
	var prune, dry bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make a server hold what a folder of documents says",
		Long: `Apply reads the JSON and YAML documents of a folder, or one file: projects, workflows,
automations with their triggers, and triggers that name their automation in "automation". It
compares each with what the server has under that name, and creates or updates what differs.

With --prune, what an earlier apply of the folder brought to the server and is gone from the
folder is deleted there. --dry-run only tells what would be done.`,
		Example: `  heddle apply -f automations/ --dry-run
  heddle apply -f automations/ --prune`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := &applier{console: c, api: r.client(), dry: dry}
			return a.apply(cmd.Context(), from, prune)
		},
	}
	r.connection(cmd.Flags())
	cmd.Flags().StringVarP(&from, "filename", "f", "", "`folder` or file of documents")
	cmd.Flags().BoolVar(&prune, "prune", false, "delete what an earlier apply brought and is gone from the folder")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be done")
	if err := cmd.MarkFlagRequired("filename"); err != nil {
		panic(err) // a flag of that name was just made
	}
	return cmd
}

// kind is a kind of document that can be applied.
type kind struct {
	name  string
	is    func(doc value.Value) bool
	find  func(ctx context.Context, api *client, name string) (value.Value, error) // Absent when there is none
	make  func(ctx context.Context, api *client, doc value.Value) error
	renew func(ctx context.Context, api *client, old, doc value.Value) error
	drop  func(ctx context.Context, api *client, old value.Value) error
}

const (
	projectsPath    = "/automation-studio/projects"
	automationsPath = "/operations-manager/automations"
	triggersPath    = "/operations-manager/triggers"
)

// kinds are in the order in which they are applied: each refers to those before it.
var kinds = []kind{
	{
		name: "project", is: isProject,
		find: func(ctx context.Context, api *client, name string) (value.Value, error) {
			head, err := named(ctx, api, projectsPath, "data", name)
			if err != nil || head.IsAbsent() {
				return head, err
			}
			answer, err := api.get(ctx, projectsPath+"/"+head.Get("_id").Text()+"/export", nil)
			return answer.Get("data"), err
		},
		make: func(ctx context.Context, api *client, doc value.Value) error {
			_, err := api.post(ctx, projectsPath+"/import", value.Object("project", doc))
			return err
		},
		renew: func(ctx context.Context, api *client, old, doc value.Value) error {
			_, err := api.post(ctx, projectsPath+"/import", value.Object("project", doc.With("_id", old.Get("_id")), "conflictMode", value.String("overwrite")))
			return err
		},
		drop: dropByID(projectsPath),
	},
	{
		name: "workflow", is: func(doc value.Value) bool { return doc.Get("tasks").IsObject() },
		find: func(ctx context.Context, api *client, name string) (value.Value, error) {
			return named(ctx, api, "/automation-studio/workflows", "items", name)
		},
		make: func(ctx context.Context, api *client, doc value.Value) error {
			_, err := api.post(ctx, "/automation-studio/automations", value.Object("automation", doc))
			return err
		},
		renew: func(ctx context.Context, api *client, old, doc value.Value) error {
			_, err := api.call(ctx, http.MethodPut, "/automation-studio/automations/"+old.Get("_id").Text(), nil, value.Object("update", doc))
			return err
		},
		drop: dropByID("/automation-studio/automations"),
	},
	{
		name: "automation", is: func(doc value.Value) bool { return doc.Has("componentType") || doc.Has("componentName") },
		find: func(ctx context.Context, api *client, name string) (value.Value, error) {
			head, err := named(ctx, api, automationsPath, "data", name)
			if err != nil || head.IsAbsent() {
				return head, err
			}
			answer, err := api.get(ctx, automationsPath+"/"+head.Get("_id").Text()+"/export", nil)
			return answer.Get("data"), err
		},
		make: func(ctx context.Context, api *client, doc value.Value) error {
			_, err := api.call(ctx, http.MethodPut, automationsPath, nil, value.Object("automations", value.Array(doc)))
			return err
		},
		renew: func(ctx context.Context, api *client, old, doc value.Value) error {
			if err := dropByID(automationsPath)(ctx, api, old); err != nil {
				return err
			}
			_, err := api.call(ctx, http.MethodPut, automationsPath, nil, value.Object("automations", value.Array(doc.With("_id", old.Get("_id")))))
			return err
		},
		drop: dropByID(automationsPath),
	},
	{
		name: "trigger", is: func(doc value.Value) bool { return doc.Get("automation").IsString() && doc.Get("type").IsString() },
		find: func(ctx context.Context, api *client, name string) (value.Value, error) {
			return named(ctx, api, triggersPath, "data", name)
		},
		make: func(ctx context.Context, api *client, doc value.Value) error {
			owner, err := named(ctx, api, automationsPath, "data", doc.Get("automation").Text())
			if err != nil {
				return err
			}
			if owner.IsAbsent() {
				return fmt.Errorf("there is no automation %q", doc.Get("automation").Text())
			}
			_, err = api.post(ctx, triggersPath, doc.Without("automation").With("actionId", owner.Get("_id")).With("actionType", value.String("automations")))
			return err
		},
		renew: func(ctx context.Context, api *client, old, doc value.Value) error {
			_, err := api.call(ctx, http.MethodPatch, triggersPath+"/"+old.Get("_id").Text(), nil, doc.Without("automation"))
			return err
		},
		drop: dropByID(triggersPath),
	},
}

func kindOf(doc value.Value) (*kind, bool) {
	for i := range kinds {
		if kinds[i].is(doc) {
			return &kinds[i], true
		}
	}
	return nil, false
}

func dropByID(path string) func(ctx context.Context, api *client, old value.Value) error {
	return func(ctx context.Context, api *client, old value.Value) error {
		_, err := api.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(old.Get("_id").Text()), nil, value.Absent)
		return err
	}
}

// named finds the document of a list with exactly this name; Absent without one.
func named(ctx context.Context, api *client, path, list, name string) (value.Value, error) {
	answer, err := api.get(ctx, path, url.Values{"equals[name]": {name}, "limit": {"1"}})
	if err != nil || answer.Get(list).Len() == 0 {
		return value.Absent, err
	}
	return answer.Get(list).At(0), nil
}

// applier brings documents to a server.
type applier struct {
	*console
	api *client
	dry bool
}

// item is a document of the folder.
type item struct {
	kind *kind
	name string
	file string
	doc  value.Value
}

func (i item) key() string { return i.kind.name + "/" + i.name }

func (a *applier) apply(ctx context.Context, from string, prune bool) error {
	items, folder, err := a.read(from)
	if err != nil {
		return err
	}
	var keys []string
	var failed []error
	for k := range kinds {
		for _, i := range items {
			if i.kind != &kinds[k] {
				continue
			}
			keys = append(keys, i.key())
			if err := a.bring(ctx, i); err != nil {
				failed = append(failed, fmt.Errorf("%s: %s %q: %w", i.file, i.kind.name, i.name, err))
			}
		}
	}
	if folder == "" {
		return errors.Join(failed...)
	}
	gone, err := a.gone(folder, keys)
	if err != nil {
		return err
	}
	for _, key := range slices.Backward(gone) {
		if !prune {
			keys = append(keys, key) // still to be pruned
			continue
		}
		if err := a.prune(ctx, key); err != nil {
			failed = append(failed, fmt.Errorf("prune %s: %w", key, err))
			keys = append(keys, key)
		}
	}
	return errors.Join(append(failed, a.remember(folder, keys))...)
}

// read reads the documents at a path; folder is "" for a single file.
func (a *applier) read(from string) (items []item, folder string, err error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, "", err
	}
	files := []string{from}
	if info.IsDir() {
		folder, files = from, nil
		entries, err := os.ReadDir(from)
		if err != nil {
			return nil, "", err
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && slices.Contains([]string{".json", ".yaml", ".yml"}, ext) {
				files = append(files, filepath.Join(from, e.Name()))
			}
		}
	}
	var wrong []error
	seen := map[string]string{}
	for _, file := range files {
		doc, err := a.readDocument(file)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", file, err))
			continue
		}
		k, ok := kindOf(doc)
		i := item{k, doc.Get("name").Text(), file, doc}
		switch {
		case !ok:
			wrong = append(wrong, fmt.Errorf("%s: neither a project, nor a workflow, an automation or a trigger with its \"automation\"", file))
		case i.name == "":
			wrong = append(wrong, fmt.Errorf("%s: a %s needs a name", file, k.name))
		case seen[i.key()] != "":
			wrong = append(wrong, fmt.Errorf("%s: %s %q is in %s, too", file, k.name, i.name, seen[i.key()]))
		default:
			seen[i.key()] = file
			items = append(items, i)
		}
	}
	return items, folder, errors.Join(wrong...)
}

// bring creates or updates one document, unless the server has it just so.
func (a *applier) bring(ctx context.Context, i item) error {
	old, err := i.kind.find(ctx, a.api, i.name)
	if err != nil {
		return err
	}
	if old.IsAbsent() {
		a.tell("create", i.key(), nil)
		if a.dry {
			return nil
		}
		return i.kind.make(ctx, a.api, i.doc)
	}
	differ := differences("", old, i.doc)
	if len(differ) == 0 {
		a.tell("same", i.key(), nil)
		return nil
	}
	a.tell("update", i.key(), differ)
	if a.dry {
		return nil
	}
	return i.kind.renew(ctx, a.api, old, i.doc)
}

func (a *applier) tell(what, key string, differ []string) {
	if a.dry && what != "same" {
		what = "would " + what
	}
	fmt.Fprintf(a.out, "%s %s\n", what, key)
	for _, d := range differ[:min(len(differ), 20)] {
		fmt.Fprintf(a.out, "  %s\n", d)
	}
}

// ownMembers are what a server adds to documents.
var ownMembers = []string{
	"_id", "id", "created", "createdBy", "created_by", "lastUpdated", "lastUpdatedBy", "last_updated", "last_updated_by", "errors", "warnings", "namespace",
	"componentId", "actionId", "actionType", "lastExecuted", "nextRunAt", "accessControl", "automation", "reference", "stored", "encodingVersion",
}

// differences lists the places where a document says something else than the one on the server.
// What only the server says is no difference: it fills in what documents leave out.
func differences(at string, old, want value.Value) []string {
	if want.IsObject() && old.IsObject() {
		var out []string
		for k, v := range want.Members() {
			if slices.Contains(ownMembers, k) {
				continue
			}
			out = append(out, differences(at+"/"+value.EscapePointer(k), old.Get(k), v)...)
		}
		return out
	}
	if want.IsArray() && old.IsArray() && want.Len() == old.Len() {
		var out []string
		for i, v := range want.Elements() {
			out = append(out, differences(fmt.Sprintf("%s/%d", at, i), old.At(i), v)...)
		}
		return out
	}
	if value.Equal(old, want) || want.IsNothing() && old.IsNothing() {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s -> %s", at, brief(old), brief(want))}
}

func brief(v value.Value) string {
	if v.IsAbsent() {
		return "nothing"
	}
	if text := v.String(); len(text) <= 60 {
		return text
	}
	return "..."
}

// gone lists what was applied from the folder to this server and is not in it any more.
func (a *applier) gone(folder string, keys []string) ([]string, error) {
	doc, err := a.applied(folder)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range doc.Get(a.api.base).Elements() {
		if !slices.Contains(keys, e.Text()) {
			out = append(out, e.Text())
		}
	}
	return out, nil
}

func (a *applier) applied(folder string) (value.Value, error) {
	data, err := os.ReadFile(filepath.Join(folder, appliedFile))
	if errors.Is(err, os.ErrNotExist) {
		return value.Object(), nil
	}
	if err != nil {
		return value.Absent, err
	}
	v, err := value.Parse(data)
	if err != nil {
		return value.Absent, fmt.Errorf("%s: %w", filepath.Join(folder, appliedFile), err)
	}
	return v, nil
}

func (a *applier) remember(folder string, keys []string) error {
	if a.dry {
		return nil
	}
	doc, err := a.applied(folder)
	if err != nil {
		return err
	}
	doc = doc.With(a.api.base, value.Strings(keys...))
	return os.WriteFile(filepath.Join(folder, appliedFile), append(doc.AppendJSON(nil), '\n'), 0o644)
}

func (a *applier) prune(ctx context.Context, key string) error {
	kindName, name, _ := strings.Cut(key, "/")
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == kindName })
	if at < 0 {
		return nil
	}
	old, err := kinds[at].find(ctx, a.api, name)
	if err != nil || old.IsAbsent() {
		return err
	}
	a.tell("delete", key, nil)
	if a.dry {
		return nil
	}
	return kinds[at].drop(ctx, a.api, old)
}
