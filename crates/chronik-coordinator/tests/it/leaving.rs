//! LeaveGroup, and the groups that nobody is in: listed, described, deleted.

use chronik_coordinator::{JoinGroup, ListGroups, Reply, Request};
use chronik_protocol::Str;
use chronik_protocol::generated::describe_groups_response::DescribedGroup;
use chronik_protocol::generated::list_groups_response::ListedGroup;
use chronik_types::ErrorCode;

use crate::bench::{Bench, commit, consumer, error, seconds, static_consumer};

fn describe(bench: &mut Bench, group: &str) -> DescribedGroup {
    let ticket = bench.ask(Request::DescribeGroups(vec![group.into()]));
    match bench.reply(ticket) {
        Reply::DescribeGroups(mut groups) => groups.remove(0),
        other => panic!("{other:?}"),
    }
}

fn list(bench: &mut Bench, states: &[&str], types: &[&str]) -> Vec<ListedGroup> {
    let names = |names: &[&str]| names.iter().map(|n| Str::from(*n)).collect();
    let ticket = bench.ask(Request::ListGroups(ListGroups {
        states: names(states),
        types: names(types),
    }));
    match bench.reply(ticket) {
        Reply::ListGroups(groups) => groups,
        other => panic!("{other:?}"),
    }
}

fn delete(bench: &mut Bench, groups: &[&str]) -> Vec<ErrorCode> {
    let groups = groups.iter().map(|g| Str::from(*g)).collect();
    let ticket = bench.ask(Request::DeleteGroups(groups));
    match bench.reply(ticket) {
        Reply::DeleteGroups(results) => {
            let codes = results.iter().map(|r| error(r.error_code));
            codes.collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_leaves_is_gone_at_once_and_the_others_rebalance() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one"), consumer("two")]);
    let reply = bench.leave(&[(Some(&ids[1]), None)]);
    assert_eq!(error(reply.error_code), ErrorCode::None);
    assert_eq!(error(reply.members[0].error_code), ErrorCode::None);
    assert_eq!(reply.members[0].member_id, ids[1]);
    let told = bench.heartbeat(&ids[0], generation);
    assert_eq!(told, ErrorCode::RebalanceInProgress);
    let left = format!("member {} left; client reason: closing", ids[1]);
    assert!(bench.transcript().contains(&left));
}

#[test]
fn a_group_whose_last_member_left_is_empty_and_stays_so_after_a_restart() {
    let mut bench = Bench::new();
    let (ids, generation) = bench.stable(vec![consumer("one")]);
    bench.commit(commit("orders", 0, 1));
    bench.leave(&[(Some(&ids[0]), None)]);
    for _ in 0..2 {
        assert_eq!(bench.state(), "Empty");
        let group = bench.group();
        assert_eq!(group.generation, generation + 1);
        assert_eq!(group.protocol_type, Some("consumer".into()));
        assert_eq!((group.protocol, group.leader), (None, None));
        bench.restart();
    }
}

#[test]
fn an_id_that_was_given_out_can_be_given_back() {
    let mut bench = Bench::new();
    let (ids, _) = bench.stable(vec![consumer("one")]);
    let pending = bench.get_id(consumer("two"));
    let again = bench.send_join(JoinGroup {
        member: Some(ids[0].clone()),
        ..consumer("one")
    });
    assert!(!bench.is_answered(again), "the id is waited for");
    let reply = bench.leave(&[(Some(&pending), None)]);
    assert_eq!(error(reply.members[0].error_code), ErrorCode::None);
    assert_eq!(bench.join_reply(again).generation_id, 2);
}

#[test]
fn each_leaver_is_judged_for_itself() {
    let mut bench = Bench::new();
    let nobody = Str::from("nobody");
    let reply = bench.leave(&[(Some(&nobody), None)]);
    assert_eq!(error(reply.error_code), ErrorCode::None);
    let told = error(reply.members[0].error_code);
    assert_eq!(told, ErrorCode::UnknownMemberId);
    let joins = vec![static_consumer("i"), static_consumer("j"), consumer("d")];
    let (ids, _) = bench.stable(joins);
    let reply = bench.leave(&[
        (Some(&nobody), None),
        (Some(&ids[1]), Some("i")),
        (Some(&ids[0]), Some("k")),
        (None, Some("k")),
        (None, None),
        (None, Some("i")),
        (Some(&ids[2]), None),
    ]);
    let members = reply.members.iter();
    let errors: Vec<_> = members.map(|m| error(m.error_code)).collect();
    assert_eq!(
        errors,
        [
            ErrorCode::UnknownMemberId,
            ErrorCode::FencedInstanceId,
            ErrorCode::UnknownMemberId,
            ErrorCode::UnknownMemberId,
            ErrorCode::UnknownMemberId,
            ErrorCode::None,
            ErrorCode::None,
        ]
    );
    assert_eq!(bench.group().members.len(), 1);
    assert_eq!(bench.state(), "PreparingRebalance");
}

#[test]
fn metadata_and_assignments_are_shown_of_a_stable_group_only() {
    let mut bench = Bench::new();
    let described = describe(&mut bench, "g");
    assert_eq!(error(described.error_code), ErrorCode::GroupIdNotFound);
    assert_eq!(described.group_state, "Dead");
    assert_eq!(described.error_message, Some("Group g not found.".into()));
    let (ids, _) = bench.stable(vec![consumer("one"), consumer("two")]);
    let described = describe(&mut bench, "g");
    assert_eq!(described.group_state, "Stable");
    assert_eq!(described.protocol_type, "consumer");
    assert_eq!(described.protocol_data, "range");
    assert_eq!(described.members[0].member_assignment, "part");
    assert_eq!(described.members[0].client_host, "/127.0.0.1");
    assert!(!described.members[0].member_metadata.is_empty());
    bench.leave(&[(Some(&ids[0]), None)]);
    let described = describe(&mut bench, "g");
    assert_eq!(described.group_state, "PreparingRebalance");
    assert_eq!(described.protocol_data, "");
    assert_eq!(described.members.len(), 1);
    assert_eq!(described.members[0].member_assignment, "");
    assert!(described.members[0].member_metadata.is_empty());
}

#[test]
fn groups_are_listed_by_state_and_type_whatever_the_case() {
    let mut bench = Bench::new();
    bench.stable(vec![consumer("one")]);
    bench.commit(chronik_coordinator::OffsetCommit {
        group: "simple".into(),
        ..commit("orders", 0, 1)
    });
    let mut ids = |states: &[&str], types: &[&str]| -> Vec<String> {
        let groups = list(&mut bench, states, types).into_iter();
        let mut ids: Vec<_> = groups
            .map(|g| format!("{} {} {}", g.group_id, g.protocol_type, g.group_state))
            .collect();
        ids.sort();
        ids
    };
    let both = ["g consumer Stable", "simple  Empty"];
    assert_eq!(ids(&[], &[]), both);
    assert_eq!(ids(&["STABLE", "empty"], &["Classic"]), both);
    assert_eq!(ids(&["Empty"], &[]), both[1..]);
    assert_eq!(ids(&[], &["consumer"]), [""; 0]);
    assert_eq!(ids(&["Dead"], &[]), [""; 0]);
}

#[test]
fn a_group_without_members_is_deleted_with_its_offsets() {
    let mut bench = Bench::new();
    bench.commit(commit("orders", 0, 1));
    let (ids, _) = bench.stable(vec![consumer("one")]);
    let told = delete(&mut bench, &["g", "other", ""]);
    assert_eq!(
        told,
        [
            ErrorCode::NonEmptyGroup,
            ErrorCode::GroupIdNotFound,
            ErrorCode::GroupIdNotFound
        ]
    );
    bench.leave(&[(Some(&ids[0]), None)]);
    assert_eq!(delete(&mut bench, &["g"]), [ErrorCode::None]);
    for _ in 0..2 {
        assert_eq!(bench.state(), "Dead");
        assert_eq!(bench.fetch("orders", 0), -1);
        bench.restart();
    }
    let told = delete(&mut bench, &["g"]);
    assert_eq!(told, [ErrorCode::GroupIdNotFound]);
}

#[test]
fn a_group_that_all_left_while_it_began_is_empty_when_the_delay_ends() {
    let mut bench = Bench::new();
    let (id, ticket) = bench.join_with_id(consumer("one"));
    bench.leave(&[(Some(&id), None)]);
    let told = error(bench.join_reply(ticket).error_code);
    assert_eq!(told, ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), "PreparingRebalance");
    bench.pass(seconds(3));
    assert_eq!(bench.state(), "Empty");
    bench.pass(seconds(660));
    assert_eq!(bench.state(), "Dead");
}
