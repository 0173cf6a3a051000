"""Verbs that things to do begin with; they decide where one of several texts ends and the next begins."""

from __future__ import annotations

from runwright.planning.rules.phrases import word_set

TASK_VERBS = word_set("""
    accept achieve act adjust adopt agree aim analyse analyze answer apologise apologize apply
    approve arrange ask assemble assess attach attend audit backup bake balance bathe be beat begin
    bike bleach block boil book borrow bring browse brush budget build buy call cancel care carry
    celebrate change charge chase chat check choose clean clear climb close code collect comb come
    commit compare complete compose confirm connect contact continue cook copy count cover create
    cut cycle deal debug decide declutter decorate defrost delete deliver deploy deposit design
    destroy develop dig discuss do document donate download draft draw dress drink drive drop dry
    dust earn eat edit email empty enable end engage enrol enroll enter evaluate examine exchange
    exercise explore fax feed fetch file fill finalise finalize find finish fix floss fly fold
    follow forward freeze fry gather get give go greet grill grow hand hang harvest have head help
    hike hire hit hold host hug implement improve increase inform inspect install interview invest
    investigate invite invoice iron join jog jump keep knit label land launch lay lead learn leave
    lend list listen load lock log look lose lower mail make manage mark marinate measure meditate
    meet memorise memorize mend merge message migrate mop move mow negotiate note notify offer open
    order organise organize pack paint park pass pay peel phone pick ping plan plant play polish
    post practice practise pray prepare present press print process program promise promote
    proofread prune publish pull purchase push put question quit rake read rearrange rebook receive
    recharge record recycle refactor refill refund refuel register rehearse relax release remember
    remove renew rent repair repaint repeat replace reply report request research reserve resolve
    respond rest restart return review revise rewrite ride rinse roast roll run save scan schedule
    scrub search sell send set settle sew shake share sharpen shave ship shop show shower shred sign
    sing sit sketch ski skype sleep slice smile solve sort speak spend split spray stain stand start
    stay stop store study submit subscribe sweep swim switch talk tape teach tell test text thank
    think throw tidy transfer translate travel trim try tune turn tweet type unclog unpack
    unsubscribe update upgrade upload use vacuum verify visit vote wait wake walk wash watch water
    wax wear weed weigh wipe withdraw work wrap write xerox yell zip
""")
