//! The `#[kubetape::test]` attribute.

use proc_macro::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Ident, ItemFn, LitStr, Path, Token, parenthesized,
    parse::{Parse, ParseStream},
    parse_macro_input,
    punctuated::Punctuated,
};

/// Makes a test of an async scenario, `async fn name(world: World)`.
///
/// | argument | meaning |
/// |---|---|
/// | `crd(Type, …)` | install these CRDs on a real cluster first |
/// | `cluster` | there is no tape: it runs on a real cluster alone, with `--include-ignored` |
/// | `crash_everywhere` | run it again on the simulated cluster, once for every write of an operator, with the operator killed right after it |
/// | `bare` | on envtest, without kube-controller-manager, scheduler and kwok |
/// | `exclusive` | on a cluster, one for this scenario alone |
/// | `tape = "path"` | another tape than `TAPES/MODULE__TEST.ktape` |
/// | `level = "strict"` | `strict`, `semantic` (default) or `lenient` |
/// | `deadline = "90s"` | how long a wait may take (60 s) |
/// | `seed = 7` | the seed of hash order and jitter |
/// | `on(tape, sim, kwok)` | a test for each of these grounds, `name::tape`, `name::sim`, …: `tape`, `sim`, `envtest`, `kwok`, `kind`, `current`; those that need a cluster are ignored unless asked for |
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let scenario = parse_macro_input!(item as ItemFn);
    expand(&arguments, scenario).unwrap_or_else(|error| error.to_compile_error()).into()
}

#[derive(Default)]
struct Arguments {
    crds: Vec<Path>,
    cluster: bool,
    bare: bool,
    exclusive: bool,
    tape: Option<LitStr>,
    level: Option<Ident>,
    deadline: Option<u64>,
    seed: Option<syn::LitInt>,
    on: Vec<Ident>,
    crash_everywhere: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut out = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            out.take(&name, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(out)
    }
}

impl Arguments {
    fn take(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "crd" => {
                let inner;
                parenthesized!(inner in input);
                self.crds.extend(Punctuated::<Path, Token![,]>::parse_terminated(&inner)?);
            }
            "on" => {
                let inner;
                parenthesized!(inner in input);
                self.on.extend(Punctuated::<Ident, Token![,]>::parse_terminated(&inner)?);
                self.on.iter().try_for_each(|ground| ground_of(ground).map(drop))?;
            }
            "cluster" => self.cluster = true,
            "crash_everywhere" => self.crash_everywhere = true,
            "bare" => self.bare = true,
            "exclusive" => self.exclusive = true,
            "tape" => self.tape = Some(value(input)?),
            "seed" => {
                input.parse::<Token![=]>()?;
                self.seed = Some(input.parse()?);
            }
            "deadline" => {
                let text: LitStr = value(input)?;
                self.deadline = Some(seconds(&text)?);
            }
            "level" => {
                let text: LitStr = value(input)?;
                let level = match text.value().as_str() {
                    "strict" => "Strict",
                    "semantic" => "Semantic",
                    "lenient" => "Lenient",
                    _ => {
                        return Err(syn::Error::new(
                            text.span(),
                            "one of \"strict\", \"semantic\", \"lenient\"",
                        ));
                    }
                };
                self.level = Some(Ident::new(level, text.span()));
            }
            _ => {
                let known = "unknown argument; one of crd(…), on(…), cluster, crash_everywhere, bare, \
                             exclusive, tape, level, deadline, seed";
                return Err(syn::Error::new(name.span(), known));
            }
        }
        Ok(())
    }
}

/// The ground that a word names.
fn ground_of(word: &Ident) -> syn::Result<proc_macro2::TokenStream> {
    let provider = match word.to_string().as_str() {
        "tape" => return Ok(quote!(::kubetape::Ground::Tape)),
        "sim" => return Ok(quote!(::kubetape::Ground::Sim)),
        "envtest" => quote!(Envtest),
        "kwok" => quote!(Kwok),
        "kind" => quote!(Kind),
        "current" => quote!(Current),
        _ => return Err(syn::Error::new(word.span(), "one of tape, sim, envtest, kwok, kind, current")),
    };
    Ok(quote!(::kubetape::Ground::Cluster(::kubetape::cluster::Provider::#provider)))
}

fn value(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn seconds(text: &LitStr) -> syn::Result<u64> {
    let value = text.value();
    let (number, factor) = match value.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (value.strip_suffix('s').unwrap_or(&value), 1),
    };
    let number: u64 =
        number.parse().map_err(|_| syn::Error::new(text.span(), "a duration such as \"90s\" or \"5m\""))?;
    Ok(number * factor)
}

fn expand(arguments: &Arguments, scenario: ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    let (name, attributes, inputs) = (&scenario.sig.ident, &scenario.attrs, &scenario.sig.inputs);
    if scenario.sig.asyncness.is_none() {
        return Err(syn::Error::new(name.span(), "a scenario is an `async fn name(world: World)`"));
    }
    if inputs.len() != 1 {
        return Err(syn::Error::new(name.span(), "a scenario takes one argument, `world: World`"));
    }
    let (block, output) = (&scenario.block, &scenario.sig.output);
    let grounds = [arguments.cluster, !arguments.on.is_empty(), arguments.crash_everywhere];
    if grounds.into_iter().filter(|given| *given).count() > 1 {
        let text = "`cluster`, `on(…)` and `crash_everywhere` exclude each other";
        return Err(syn::Error::new(name.span(), text));
    }
    let options = options(arguments, name);
    if !arguments.on.is_empty() {
        let tests = arguments.on.iter().map(|ground| on_ground(ground, name, &options));
        let tests = tests.collect::<syn::Result<Vec<_>>>()?;
        return Ok(quote! {
            #[cfg(test)]
            #(#attributes)*
            async fn #name(#inputs) #output #block

            #[cfg(test)]
            mod #name {
                #[allow(unused_imports)]
                use super::*;
                #(#tests)*
            }
        });
    }
    let ignore = arguments.cluster.then(|| needs_a_cluster("KUBETAPE_CLUSTER=envtest "));
    let run = match arguments.crash_everywhere {
        true => quote!(::kubetape::explore::crash_everywhere),
        false => quote!(::kubetape::run),
    };
    let call = quote_spanned!(name.span()=> #run(#options, #name));
    Ok(quote! {
        #(#attributes)*
        #[::core::prelude::v1::test]
        #ignore
        fn #name() {
            // Of the test's own name, which is what insta calls its snapshots.
            async fn #name(#inputs) #output #block
            #call
        }
    })
}

fn needs_a_cluster(variable: &str) -> proc_macro2::TokenStream {
    let why = format!("needs a cluster: {variable}cargo test -- --include-ignored");
    quote!(#[ignore = #why])
}

/// The test of one ground; it stands in a module of the scenario's name.
fn on_ground(
    ground: &Ident,
    name: &Ident,
    options: &proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    let place = ground_of(ground)?;
    let ignore = (ground != "tape" && ground != "sim").then(|| needs_a_cluster(""));
    let call = quote_spanned!(name.span()=> ::kubetape::run(#options.on(#place), super::#name));
    Ok(quote! {
        #[::core::prelude::v1::test]
        #ignore
        fn #ground() {
            #call
        }
    })
}

fn options(arguments: &Arguments, name: &Ident) -> proc_macro2::TokenStream {
    let crds = arguments.crds.iter().map(|crd| quote!(.crd::<#crd>()));
    let bare = arguments.bare.then(|| quote!(.bare()));
    let exclusive = arguments.exclusive.then(|| quote!(.exclusive()));
    let cluster = arguments.cluster.then(|| quote!(.needs_cluster()));
    let tape =
        arguments.tape.iter().map(|tape| quote!(.tape(concat!(env!("CARGO_MANIFEST_DIR"), "/", #tape))));
    let level = arguments.level.iter().map(|level| quote!(.level(::kubetape::Level::#level)));
    let deadline =
        arguments.deadline.iter().map(|s| quote!(.deadline(::core::time::Duration::from_secs(#s))));
    let seed = arguments.seed.iter().map(|seed| quote!(.seed(#seed)));
    // In the module of a scenario with several grounds, the path ends with its name already.
    let path = match arguments.on.is_empty() {
        true => quote!(concat!(module_path!(), "::", stringify!(#name))),
        false => quote!(module_path!()),
    };
    quote! {
        ::kubetape::Options::new(#path, env!("CARGO_MANIFEST_DIR"))
            #(#crds)* #bare #exclusive #cluster #(#tape)* #(#level)* #(#deadline)* #(#seed)*
    }
}
