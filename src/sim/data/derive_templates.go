// derive_templates.go types: prints the Go types of a pod template as a table: what a hash of it runs over.
// derive_templates.go hashes: reads templates as lines of JSON and prints them with their hashes.
// derive_templates.go random N: makes templates in which any field may stand, as input for hashes.
//
// Run it in kwok/kubernetes, whose go.mod pins the version: go run ../../src/sim/data/derive_templates.go types
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	mathrand "math/rand/v2"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/dump"
)

type field struct{ name, path, kind string }

var (
	structs = map[string][]field{}
	plain   = map[string]string{}
	seen    = map[string]reflect.Type{}
	whole   = map[string]bool{"v1.Time": true, "resource.Quantity": true, "intstr.IntOrString": true, "v1.FieldsV1": true}
)

func visit(t reflect.Type) {
	name := t.String()
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		if t.Name() != "" {
			plain[name] = "[]" + t.Elem().String()
		}
		visit(t.Elem())
		return
	case reflect.Map:
		if t.Name() != "" {
			plain[name] = "map[" + t.Key().String() + "]" + t.Elem().String()
		}
		visit(t.Key())
		visit(t.Elem())
		return
	}
	if t.PkgPath() == "" || whole[name] {
		return
	}
	if other, known := seen[name]; known {
		if other != t {
			panic("two types are called " + name)
		}
		return
	}
	seen[name] = t
	if t.Kind() != reflect.Struct {
		plain[name] = t.Kind().String()
		return
	}
	fields := []field{}
	for i := range t.NumField() {
		f := t.Field(i)
		path := strings.Split(f.Tag.Get("json"), ",")[0]
		fields = append(fields, field{f.Name, path, f.Type.String()})
		visit(f.Type)
	}
	structs[name] = fields
}

func types() {
	visit(reflect.TypeFor[corev1.PodTemplateSpec]())
	var lines []string
	for name, fields := range structs {
		rows := [][]string{}
		for _, f := range fields {
			rows = append(rows, []string{f.name, f.path, f.kind})
		}
		text, _ := json.Marshal(rows)
		lines = append(lines, fmt.Sprintf("%q:%s", name, text))
	}
	for name, kind := range plain {
		lines = append(lines, fmt.Sprintf("%q:%q", name, kind))
	}
	sort.Strings(lines)
	fmt.Printf("{\n%s\n}\n", strings.Join(lines, ",\n"))
}

// A template as a controller has it: from the server in protobuf.
func received(line []byte) (template corev1.PodTemplateSpec, err error) {
	var sent corev1.PodTemplateSpec
	if err = json.Unmarshal(line, &sent); err != nil {
		return
	}
	data, err := sent.Marshal()
	if err == nil {
		err = template.Unmarshal(data)
	}
	return
}

func hashes() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		template, err := received(lines.Bytes())
		if err != nil {
			panic(err)
		}
		text := dump.ForHash(template)
		if len(os.Args) > 2 {
			fmt.Println(text)
		}
		sum := fnv.New32a()
		fmt.Fprint(sum, text)
		fmt.Printf("{\"hash\":%q,\"template\":%s}\n", rand.SafeEncodeString(fmt.Sprint(sum.Sum32())), lines.Bytes())
	}
}

var (
	dice    = mathrand.New(mathrand.NewPCG(1, 36))
	amounts = []string{"0", "1", "100m", "1500m", "12k", "1Gi", "8Gi", "512Mi", "100Ti", "3Ei", "2e3", "1u", "7"}
	words   = []string{"a", "web", "x-1", "true", "80", "kind:of [text]", "ü"}
)

// Fills a value at random; what is deep is seldom there.
func fill(v reflect.Value, depth int) {
	some := dice.IntN(10) < max(2, 7-depth)
	switch x := v.Addr().Interface().(type) {
	case *resource.Quantity:
		*x = resource.MustParse(amounts[dice.IntN(len(amounts))])
		return
	case *intstr.IntOrString:
		*x = intstr.FromInt32(int32(dice.IntN(9000)))
		if some {
			*x = intstr.FromString("http")
		}
		return
	case *metav1.Time, *metav1.FieldsV1, *[]metav1.ManagedFieldsEntry:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Pointer:
		if some && v.Type() != reflect.TypeFor[*metav1.Time]() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		for range dice.IntN(3) {
			if some {
				item := reflect.New(v.Type().Elem()).Elem()
				fill(item, depth+1)
				v.Set(reflect.Append(v, item))
			}
		}
	case reflect.Map:
		if some {
			v.Set(reflect.MakeMap(v.Type()))
			for _, name := range words[:dice.IntN(4)] {
				item := reflect.New(v.Type().Elem()).Elem()
				fill(item, depth+1)
				v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), item)
			}
		}
	case reflect.String:
		if some {
			v.SetString(words[dice.IntN(len(words))])
		}
	case reflect.Bool:
		v.SetBool(some)
	case reflect.Int32, reflect.Int64:
		if some {
			v.SetInt(int64(dice.IntN(100000)) - 10)
		}
	}
}

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "hashes":
		hashes()
	case len(os.Args) > 2 && os.Args[1] == "random":
		count, _ := strconv.Atoi(os.Args[2])
		for range count {
			var template corev1.PodTemplateSpec
			fill(reflect.ValueOf(&template).Elem(), 0)
			line, _ := json.Marshal(template)
			fmt.Println(string(line))
		}
	default:
		types()
	}
}
