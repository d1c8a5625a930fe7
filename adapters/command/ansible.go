package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Ansible says where playbooks are and what runs them.
type Ansible struct {
	Path      string   `json:"path" doc:"whole path of ansible-playbook"`
	Folder    string   `json:"folder" doc:"whole path of the folder that the playbooks and inventories lie in"`
	Inventory string   `json:"inventory,omitempty" doc:"inventory below the folder, for tasks that give none"`
	Args      []string `json:"args,omitempty" doc:"arguments of each run, such as --vault-password-file=..."`
	Callback  string   `json:"callback,omitempty" doc:"what Ansible writes its results with; json unless given, which results are read from. off leaves it to Ansible's configuration"`
}

func (a *Ansible) check() error {
	if err := checkProgram("/ansible/path", a.Path); err != nil {
		return err
	}
	if info, err := os.Stat(a.Folder); !filepath.IsAbs(a.Folder) || err != nil || !info.IsDir() {
		return network.Wrong("/ansible/folder must be the whole path of a folder, not %q", a.Folder)
	}
	if a.Inventory != "" {
		if _, err := a.below("/ansible/inventory", a.Inventory); err != nil {
			return err
		}
	}
	return nil
}

// below is the whole path of something in the folder, wherever links lead.
func (a *Ansible) below(where, name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", network.Wrong("%s must be a path below the folder of the playbooks, not %q", where, name)
	}
	root, err := filepath.EvalSymlinks(a.Folder)
	if err != nil {
		return "", network.Wrong("/ansible/folder: %v", err)
	}
	path, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil {
		return "", network.Wrong("%s: there is no %q", where, name)
	}
	if rest, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(rest) {
		return "", network.Wrong("%s: %q leads out of the folder of the playbooks", where, name)
	}
	return path, nil
}

type play struct {
	Playbook       string      `json:"playbook" doc:"path of the playbook below the instance's folder"`
	Inventory      value.Value `json:"inventory,omitzero" doc:"path below the instance's folder, a list of hosts, or an inventory as an object"`
	ExtraVars      value.Value `json:"extraVars,omitzero" doc:"variables by name"`
	Limit          string      `json:"limit,omitempty" doc:"pattern of the hosts to work on"`
	Tags           []string    `json:"tags,omitempty" doc:"run only what has one of these tags"`
	SkipTags       []string    `json:"skipTags,omitempty" doc:"leave out what has one of these tags"`
	Check          bool        `json:"check,omitempty" doc:"change nothing, only tell what would change"`
	Diff           bool        `json:"diff,omitempty" doc:"tell what changes in files"`
	Forks          int         `json:"forks,omitempty" doc:"how many hosts at once"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"how long it may run, up to what the instance allows"`
}

type played struct {
	ExitCode int         `json:"exitCode"`
	Changed  bool        `json:"changed" doc:"something was changed or, with check, would be"`
	Stats    value.Value `json:"stats,omitzero" doc:"counts by host: ok, changed, failures, unreachable, ..."`
	Plays    value.Value `json:"plays,omitzero" doc:"the plays with their tasks and results"`
	Stdout   string      `json:"stdout,omitempty" doc:"what Ansible wrote, unless it was results"`
	Stderr   string      `json:"stderr,omitempty"`
}

// Codes that ansible-playbook ends with.
const (
	codeFailed      = 2
	codeUnreachable = 4
)

func ansiblePlaybook(ctx context.Context, call *adapters.Call, in play) (played, error) {
	h := adapters.Client[*host](call)
	if h.Ansible == nil {
		return played{}, network.Wrong("the adapter instance has no /ansible")
	}
	folder, err := h.newFolder(nil)
	if err != nil {
		return played{}, err
	}
	defer folder.remove(call)
	args, err := in.arguments(h.Ansible, folder)
	if err != nil {
		return played{}, err
	}
	variables := map[string]string{"ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_LOCALHOST_WARNING": "0"}
	if callback := cmp.Or(h.Ansible.Callback, "json"); callback != "off" {
		variables["ANSIBLE_STDOUT_CALLBACK"] = callback
	}
	end, err := h.start(ctx, call, job{path: h.Ansible.Path, args: args, variables: variables, folder: folder, seconds: in.TimeoutSeconds})
	if err != nil {
		return played{}, err
	}
	out := results(end)
	if end.code == 0 {
		return out, nil
	}
	e := &adapters.Error{Class: ClassExit, Text: fmt.Sprintf("ansible-playbook ended with code %d: %s", end.code, lastLine(end)), Details: end.details()}
	switch bad := out.hosts("failures", "unreachable"); {
	case end.code == codeFailed:
		e.State, e.Text = workflows.Failure, "the playbook failed on "+cmp.Or(bad, "some hosts")
	case end.code == codeUnreachable:
		e.State, e.Class, e.Text, e.Retryable = workflows.Failure, adapters.ClassNetwork, "not reached: "+cmp.Or(bad, "some hosts"), new(true)
	}
	return out, e
}

// arguments writes what is too long or too secret for arguments to the folder.
func (in *play) arguments(a *Ansible, f folder) ([]string, error) {
	playbook, err := a.below("/playbook", in.Playbook)
	if err != nil {
		return nil, err
	}
	args := append([]string{}, a.Args...)
	inventory, err := in.inventory(a, f)
	if err != nil {
		return nil, err
	}
	if inventory != "" {
		args = append(args, "--inventory="+inventory)
	}
	if v := in.ExtraVars; !v.IsNothing() && v.Text() == "" {
		if !v.IsObject() {
			return nil, network.Wrong("/extraVars must be an object, not %s", v.Kind())
		}
		if err := f.write("extra-vars.json", v.AppendJSON(nil)); err != nil {
			return nil, err
		}
		args = append(args, "--extra-vars=@"+f.path("extra-vars.json"))
	}
	for _, o := range []struct {
		name string
		text string
	}{{"--limit", in.Limit}, {"--tags", strings.Join(in.Tags, ",")}, {"--skip-tags", strings.Join(in.SkipTags, ",")}} {
		if strings.ContainsRune(o.text, 0) {
			return nil, network.Wrong("/%s must not contain a zero byte", strings.TrimPrefix(o.name, "--"))
		}
		if o.text != "" {
			args = append(args, o.name+"="+o.text) // one argument, so that a text is never taken for an option
		}
	}
	if in.Check {
		args = append(args, "--check")
	}
	if in.Diff {
		args = append(args, "--diff")
	}
	if in.Forks > 0 {
		args = append(args, "--forks="+strconv.Itoa(in.Forks))
	}
	return append(args, playbook), nil
}

// inventory is the path of the inventory; "" leaves it to Ansible.
func (in *play) inventory(a *Ansible, f folder) (string, error) {
	v := in.Inventory
	switch {
	case v.IsNothing() || v.IsString() && v.Text() == "":
		if a.Inventory == "" {
			return "", nil
		}
		return a.below("/ansible/inventory", a.Inventory)
	case v.IsString():
		return a.below("/inventory", v.Text())
	case v.IsArray():
		hosts := value.Object()
		for i, e := range v.Elements() {
			if e.Text() == "" {
				return "", network.Wrong("/inventory/%d must be the name of a host", i)
			}
			hosts = hosts.With(e.Text(), value.Object())
		}
		v = value.Object("all", value.Object("hosts", hosts))
	case !v.IsObject():
		return "", network.Wrong("/inventory must be a path, a list of hosts or an object, not %s", v.Kind())
	}
	return f.path("inventory.json"), f.write("inventory.json", v.AppendJSON(nil))
}

// results reads what Ansible wrote, with the callback json or not.
func results(e ending) played {
	out := played{ExitCode: e.code, Stderr: e.stderr}
	text := e.stdout
	if at := strings.Index("\n"+text, "\n{"); at >= 0 { // warnings may go before
		if v, err := value.Parse([]byte(strings.TrimSpace(text[at:]))); err == nil && v.Get("stats").IsObject() {
			out.Stats, out.Plays = v.Get("stats"), v.Get("plays")
			for _, counts := range out.Stats.Members() {
				out.Changed = out.Changed || counts.Get("changed").Float() > 0
			}
			return out
		}
	}
	out.Stdout = text
	return out
}

// hosts lists the hosts that have one of the counts.
func (p *played) hosts(counts ...string) string {
	var out []string
	for name, of := range p.Stats.Members() {
		for _, c := range counts {
			if of.Get(c).Float() > 0 {
				out = append(out, name)
				break
			}
		}
	}
	return strings.Join(out, ", ")
}
